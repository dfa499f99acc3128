"""The pipeline without HTTP: who may call, and what happens when we are wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_mlstudio.wire.dispatch import Answer, Dispatcher
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Call, Handler, handlers, operation
from jupyter_mlstudio.wire.request import WireRequest

ACCOUNT = "123456789012"
KEYS = KeyRing(b"k" * 32)


def ask(
    handler: Handler | None,
    *,
    region: str = "eu-west-1",
    account: str = ACCOUNT,
    service: str = "sagemaker",
    now: datetime | None = None,
) -> Answer:
    key = KEYS.user_key(account, f"arn:aws:iam::{account}:user/u")
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.DescribeModel",
    }
    body = b'{"ModelName":"m"}'
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    request = AWSRequest("POST", "http://h/", {} if service == "s3" else headers, body)
    signer(Credentials(key.access_key, key.secret_key), service, region).add_auth(request)
    table = {("sagemaker", "DescribeModel"): handler} if handler else {}
    dispatcher = Dispatcher("app", KEYS, ACCOUNT, "ap-south-1", table=table)
    arrived = {**dict(request.headers.items()), "Host": "h"}
    return dispatcher.answer(WireRequest.of("POST", "/", arrived, body), now)


def test_the_region_of_pseudo_regions() -> None:
    seen = []

    def handler(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
        seen.append(call.region)
        return {"ModelName": request["ModelName"]}

    assert ask(handler).response.status == 200
    assert ask(handler, region="aws-global").response.status == 200
    assert seen == ["eu-west-1", "ap-south-1"]


def test_other_accounts_are_refused() -> None:
    answer = ask(None, account="999999999999")
    assert (answer.response.status, answer.code) == (403, "AccessDeniedException")


def test_the_clock_is_checked() -> None:
    answer = ask(None, now=datetime.now(UTC) + timedelta(hours=1))
    assert (answer.response.status, answer.code) == (403, "InvalidSignatureException")


def test_s3_is_refused_in_its_own_words() -> None:
    answer = ask(None, service="s3")
    assert answer.response.headers["Content-Type"] == "application/xml"
    assert answer.response.headers["x-amz-request-id"] == answer.request_id


def test_an_error_with_wrong_fields_is_our_failure(caplog: pytest.LogCaptureFixture) -> None:
    def handler(call: Call[Any], request: Mapping[str, Any]) -> None:
        raise AWSError("ResourceNotFound", "Gone.", fields={"Message": 1})

    with caplog.at_level(logging.ERROR):
        answer = ask(handler)
    assert (answer.response.status, answer.code) == (500, "InternalFailure")
    assert answer.request_id in caplog.text


def test_operations_are_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlstudio.wire.operation._HANDLERS", {})

    def handler(call: Call[Any], request: Mapping[str, Any]) -> None:
        return None

    assert operation("sagemaker", "DeleteModel")(handler) is handler
    assert handlers() == {("sagemaker", "DeleteModel"): handler}
    with pytest.raises(RuntimeError, match="registered twice"):
        operation("sagemaker", "DeleteModel")(handler)
