"""What code in a container may do with the keys of its job, asked from inside."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jupyter_mlstudio.core.kinds import kind
from jupyter_mlstudio.studio import capabilities
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.permissions import ENDPOINT, JOB, SCOPE, action, may
from tests.conftest import RunningStudio
from tests.jobs.jobs import XGBOOST, channel, get, members, put, request, unique, wait

from .operations import STANDING, Operation, operations

ASK = """
import base64, http.client, json, os
from urllib.parse import urlsplit
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

found = Session().get_credentials()
keys = found.get_frozen_credentials()
url, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]
connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
answers = []
for asked in json.load(open("/opt/ml/input/data/code/operations.json")):
    body = base64.b64decode(asked["body"])
    request = AWSRequest(asked["method"], url + asked["path"], asked["headers"], body)
    SigV4Auth(keys, asked["signing_name"], region).add_auth(request)
    try:
        connection.request(asked["method"], asked["path"], body, dict(request.headers.items()))
        answer = connection.getresponse()
        answers.append([answer.status, answer.read().decode("utf-8", "replace")[:600]])
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        answers.append([0, repr(error)])
json.dump(answers, open("/opt/ml/model/answers.json", "w"))
json.dump([found.method, *keys], open("/opt/ml/model/keys.json", "w"))
"""
SUCCESSORS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
"""Operations whose requests are those of others."""
ELSEWHERE = {"WriteGetObjectResponse"}
"""Operations that only another host than S3's has."""
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(scope="module")
def answers(docker_studio: RunningStudio) -> Iterator[dict[str, Any]]:
    """Give what a job was answered to every operation, and the keys it had."""
    asked = list(operations())
    name = unique("asking")
    documents = [
        {
            "method": each.method,
            "path": each.path,
            "signing_name": each.signing_name,
            "headers": {**each.headers, **_hashed(each)},
            "body": base64.b64encode(each.body).decode(),
        }
        for each in asked
    ]
    put(
        docker_studio,
        {f"{name}/ask.py": ASK.encode(), f"{name}/operations.json": json.dumps(documents).encode()},
    )
    docker_studio.client("sagemaker").create_training_job(
        **request(
            docker_studio,
            XGBOOST,
            name,
            AlgorithmSpecification={
                "TrainingImage": XGBOOST,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/ask.py"],
            },
            InputDataConfig=[channel(docker_studio, "code", f"{name}/")],
        )
    )
    job = wait(docker_studio, name, 180)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    files = members(get(docker_studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    yield {
        "answers": list(zip(asked, json.loads(files["answers.json"]), strict=True)),
        "keys": json.loads(files["keys.json"]),
    }
    s3 = docker_studio.client("s3")
    for each in s3.list_objects_v2(Bucket=STANDING).get("Contents", []):
        s3.delete_object(Bucket=STANDING, Key=each["Key"])
    s3.delete_bucket(Bucket=STANDING)


def _hashed(operation: Operation) -> dict[str, str]:
    return {"X-Amz-Content-SHA256": EMPTY} if operation.service == "s3" else {}


@pytest.mark.docker
def test_a_job_may_do_what_is_listed_and_nothing_else(answers: dict[str, Any]) -> None:
    wrong, refused = [], 0
    for operation, (status, text) in answers["answers"]:
        wanted = action(operation.service, SUCCESSORS.get(operation.name, operation.name))
        denied = status == 403 and (f"perform: {wanted} on" in text or operation.method == "HEAD")
        refused += denied
        failed = status == 0 or (status >= 500 and status != 501)
        if operation.name not in ELSEWHERE and (failed or denied is may(JOB, wanted)):
            wrong.append((wanted, status, text))
    assert wrong == [], "\n".join(map(str, wrong))
    assert refused > 900
    assert answers["keys"][0] == "container-role"


@pytest.mark.docker
def test_nothing_of_a_job_that_has_ended_opens_anything(
    docker_studio: RunningStudio, answers: dict[str, Any]
) -> None:
    _, key, secret, token = answers["keys"][:4]
    given = {
        "aws_access_key_id": key,
        "aws_secret_access_key": secret,
        "aws_session_token": token,
    }
    for service, operation, parameters in (
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "x", "Body": b"x"}),
    ):
        with pytest.raises(ClientError, match="ExpiredToken"):
            getattr(docker_studio.client(service, **given), operation)(**parameters)


@pytest.fixture
def keys_of(process_studio: RunningStudio) -> Iterator[Any]:
    """Give a function that returns a session's keys with a scope."""
    settings = process_studio.settings
    ring = KeyRing.load(settings.master_key)
    name = f"test-{time.monotonic_ns()}"
    ring.begin_session(name)

    def issue(scope: str) -> dict[str, str]:
        arn = f"arn:aws:sts::{settings.account}:assumed-role/MLStudioExecutionRole/SageMaker"
        key = ring.issue(settings.account, arn, 900, {"session": name, SCOPE: scope})
        return {
            "aws_access_key_id": key.access_key,
            "aws_secret_access_key": key.secret_key,
            "aws_session_token": str(key.token),
        }

    yield issue
    ring.end_session(name)


def test_a_container_of_an_endpoint_creates_nothing(
    process_studio: RunningStudio, keys_of: Any
) -> None:
    capabilities.load()
    assert kind("Endpoint").scope == ENDPOINT
    assert {kind(name).scope for name in ("TrainingJob", "ProcessingJob")} == {JOB}
    given = keys_of(ENDPOINT)
    process_studio.client("s3", **given).put_object(Bucket=process_studio.bucket, Key="x", Body=b"")
    with pytest.raises(ClientError, match="not authorized to perform: s3:DeleteObject"):
        process_studio.client("s3", **given).delete_object(Bucket=process_studio.bucket, Key="x")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateModel ") as e:
        process_studio.client("sagemaker", **given).create_model(
            ModelName="m", ExecutionRoleArn=process_studio.role
        )
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_job_gets_no_other_role_and_no_url_that_may_more(
    process_studio: RunningStudio, keys_of: Any
) -> None:
    given = keys_of(JOB)
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        process_studio.client("sts", **given).assume_role(
            RoleArn=process_studio.role, RoleSessionName="more"
        )
    s3 = process_studio.client("s3", **given, config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("delete_bucket", {"Bucket": process_studio.bucket})

    with pytest.raises(HTTPError) as error:
        urlopen(Request(url, method="DELETE"))  # noqa: S310 - ours
    with error.value as answer:
        assert answer.code == 403
        assert b"s3:DeleteBucket" in answer.read()


def test_a_notebook_keeps_every_right(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    arn = f"arn:aws:sts::{settings.account}:assumed-role/MLStudioExecutionRole/mlstudio"
    key = KeyRing.load(settings.master_key).user_key(settings.account, arn)
    given = {"aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret_key}
    with pytest.raises(ClientError, match="Could not find"):
        process_studio.client("sagemaker", **given).delete_endpoint(EndpointName="none")
    process_studio.client("sts", **given).assume_role(
        RoleArn=process_studio.role, RoleSessionName="again"
    )
