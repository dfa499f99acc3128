"""boto3 against a real server: every protocol, errors, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.exceptions
import cbor2
import pytest
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials

from jupyter_mlstudio.wire import dispatch
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.http import make_app, make_runner
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Call
from jupyter_mlstudio.wire.services import MODELS

from ..protocols import CLOUDWATCH, session_speaking

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/mlstudio"
CREATED = datetime(2026, 11, 22, 10, 30, 0, 250000, tzinfo=UTC)
Maker = Callable[..., Any]
SIGNED_BY = {name: Config(signature_version=name) for name in ("s3", "s3v4")}
SEEN: list[tuple[Call[Any], Mapping[str, Any]]] = []


def describe_training_job(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    SEEN.append((call, request))
    if request["TrainingJobName"] == "gone":
        raise AWSError("ValidationException", "Requested resource not found.")
    if request["TrainingJobName"] == "broken":
        raise RuntimeError("a secret of ours")
    if request["TrainingJobName"] == "wrong":
        return {"TrainingJobArm": "typo"}
    return {
        "TrainingJobName": request["TrainingJobName"],
        "TrainingJobArn": f"arn:aws:sagemaker:{call.region}:{call.account}:training-job/x",
        "CreationTime": CREATED,
        "HyperParameters": {"eta": "0.1"},
        "FailureReason": None,
    }


def start_live_tail(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    def events() -> Iterator[dict[str, Any]]:
        yield {"sessionStart": {"sessionId": "s"}}
        yield {"sessionUpdate": {"sessionResults": [{"message": "line", "timestamp": 1}]}}

    return {"responseStream": events()}


def create_model_group(call: Call[Any], request: Mapping[str, Any]) -> None:
    raise AWSError("ResourceLimitExceeded", "No more groups.")


def put_record(call: Call[Any], request: Mapping[str, Any]) -> None:
    SEEN.append((call, request))


def get_record(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    SEEN.append((call, request))
    raise AWSError("ResourceNotFound", "No such feature group.")


def get_caller_identity(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    return {"Account": call.account, "Arn": call.caller.arn, "UserId": call.caller.access_key}


def get_role(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    raise AWSError("NoSuchEntityException", f"No role {request['RoleName']}.")


def list_buckets(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    return {"Buckets": [{"Name": "a-b", "CreationDate": CREATED}], "Owner": {"ID": call.account}}


def list_objects(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    keys = ["a b", "ü/&<>", "\x01\r\n", "x//y"]
    return {
        "Name": request["Bucket"],
        "KeyCount": len(keys),
        "EncodingType": request.get("EncodingType"),
        "Contents": [{"Key": key, "Size": 1} for key in keys],
    }


def get_object(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    SEEN.append((call, request))
    if request["Key"] == "none":
        raise AWSError(
            "NoSuchKey", "The specified key does not exist.", status=404, fields={"Key": "none"}
        )
    body = request["Key"].encode()
    return {"Body": body, "ContentLength": len(body), "Metadata": {"who": "me"}, "ETag": '"x"'}


def put_metric_data(call: Call[Any], request: Mapping[str, Any]) -> None:
    SEEN.append((call, request))


def get_studio_status(call: Call[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "StudioId": "a1",
        "Version": "0.1",
        "EngineName": "process",
        "Notes": [],
        "ResourceCounts": {"TrainingJob": 2},
        "Urls": {"Endpoint": "http://h", "S3": "http://h", "Runtime": "http://h"},
    }


TOYS = {
    ("sagemaker", "DescribeTrainingJob"): describe_training_job,
    ("sagemaker", "CreateModelPackageGroup"): create_model_group,
    ("sagemaker-featurestore-runtime", "PutRecord"): put_record,
    ("sagemaker-featurestore-runtime", "GetRecord"): get_record,
    ("logs", "StartLiveTail"): start_live_tail,
    ("sts", "GetCallerIdentity"): get_caller_identity,
    ("iam", "GetRole"): get_role,
    ("s3", "ListBuckets"): list_buckets,
    ("s3", "ListObjectsV2"): list_objects,
    ("s3", "GetObject"): get_object,
    ("cloudwatch", "PutMetricData"): put_metric_data,
    ("mlstudio", "GetStudioStatus"): get_studio_status,
}


async def forwarded(request: web.Request) -> web.Response:
    return web.Response(body=b"from the gateway: " + await request.read())


async def health(request: web.Request) -> web.Response:
    return web.Response(text="well")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server with toy operations, on a thread of its own."""
    keys = KeyRing.load(tmp_path_factory.mktemp("keys") / "master.key")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        application = make_app(
            "the app",
            keys,
            account=ACCOUNT,
            default_region="us-east-1",
            fallback=forwarded,
            table=TOYS,
        )
        application.router.add_get("/_health", health)
        runner = make_runner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", keys=keys)
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def client(studio: SimpleNamespace) -> Iterator[Maker]:
    """A function that makes boto3 clients of the server, one of each kind."""
    key = studio.keys.user_key(ACCOUNT, ARN)
    session = boto3.session.Session(region_name="eu-west-1")
    session._loader.search_paths.append(str(MODELS))
    clients: dict[str, Any] = {}

    def make(service: str, **options: object) -> Any:
        name = repr((service, sorted(options.items())))
        options = {
            "aws_access_key_id": key.access_key,
            "aws_secret_access_key": key.secret_key,
            "config": Config(retries={"max_attempts": 0}),
            **options,
        }
        if name not in clients:
            clients[name] = session.client(service, endpoint_url=studio.url, **options)
        return clients[name]

    yield make
    for made in clients.values():
        made.close()


@pytest.fixture(autouse=True)
def forget() -> None:
    """Start with no calls seen."""
    SEEN.clear()


def fetch(request: str | urllib.request.Request) -> tuple[int, bytes]:
    """Return status and body of a request to the server under test."""
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - a URL of our own server
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def code_of(error: pytest.ExceptionInfo[botocore.exceptions.ClientError]) -> tuple[str, int]:
    response = error.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_json(client: Maker) -> None:
    answer = client("sagemaker").describe_training_job(TrainingJobName="job-1")
    assert answer["CreationTime"] == CREATED
    assert answer["HyperParameters"] == {"eta": "0.1"}
    assert "FailureReason" not in answer
    call, request = SEEN[0]
    assert (call.app, call.account, call.region, call.caller.arn) == (
        "the app",
        ACCOUNT,
        "eu-west-1",
        ARN,
    )
    assert request == {"TrainingJobName": "job-1"}
    assert call.request_id == answer["ResponseMetadata"]["RequestId"]


def test_unmodelled_error(client: Maker) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("sagemaker").describe_training_job(TrainingJobName="gone")
    assert code_of(error) == ("ValidationException", 400)
    assert error.value.response["Error"]["Message"] == "Requested resource not found."


def test_modelled_errors_in_each_protocol(client: Maker) -> None:
    sagemaker, iam = client("sagemaker"), client("iam")
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded):
        sagemaker.create_model_package_group(ModelPackageGroupName="g")
    features = client("sagemaker-featurestore-runtime")
    with pytest.raises(features.exceptions.ResourceNotFound, match="No such feature group"):
        features.get_record(FeatureGroupName="f", RecordIdentifierValueAsString="1")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="No role r"):
        iam.get_role(RoleName="r")
    s3 = client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey) as error:
        s3.get_object(Bucket="bucket", Key="none")
    assert error.value.response["Error"]["Key"] == "none"


def test_validation_reaches_the_client(client: Maker) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("sagemaker").describe_training_job(TrainingJobName="../x")
    assert error.value.response["Error"]["Message"].startswith(
        "1 validation error detected: Value '../x' at 'trainingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
    )
    assert SEEN == []


def test_rest_json(client: Maker) -> None:
    record = [{"FeatureName": "id", "ValueAsString": "1"}]
    client("sagemaker-featurestore-runtime").put_record(FeatureGroupName="g-1", Record=record)
    assert SEEN[0][1] == {"FeatureGroupName": "g-1", "Record": record}


def test_query(client: Maker) -> None:
    answer = client("sts").get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (ACCOUNT, ARN)


def test_temporary_keys(client: Maker, studio: SimpleNamespace) -> None:
    made = studio.keys.issue(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", 60)
    options = {"aws_access_key_id": made.access_key, "aws_secret_access_key": made.secret_key}
    answer = client("sts", aws_session_token=made.token, **options).get_caller_identity()
    assert answer["Arn"].endswith("assumed-role/r/s")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("sts", aws_session_token=made.token[:-4] + "AAA=", **options).get_caller_identity()
    assert code_of(error) == ("InvalidClientTokenId", 403)


def test_presigned_query(client: Maker) -> None:
    url = client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    status, body = fetch(url)
    assert (status, ARN in body.decode()) == (200, True)


def test_rest_xml(client: Maker) -> None:
    s3 = client("s3")
    answer = s3.list_buckets()
    assert answer["Buckets"] == [{"Name": "a-b", "CreationDate": CREATED}]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="a-b")["Contents"]]
    assert keys == ["a b", "ü/&<>", "\x01\r\n", "x//y"]


@pytest.mark.parametrize("key", ["a b+c", "ü%2F", "x//y/", "/lead", "a?b#c", "a/../b", "~'()*!"])
def test_keys_travel_whole(client: Maker, key: str) -> None:
    answer = client("s3").get_object(Bucket="bucket", Key=key)
    assert answer["Body"].read() == key.encode()
    assert answer["Metadata"] == {"who": "me"}
    assert SEEN[0][1]["Key"] == key
    for version in ("s3", "s3v4"):
        signer = client("s3", config=SIGNED_BY[version])
        url = signer.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": key})
        assert ("X-Amz-Signature" in url) == (version == "s3v4")
        assert fetch(url) == (200, key.encode())


@pytest.mark.parametrize("protocol", CLOUDWATCH)
def test_every_protocol_of_a_service_compressed_too(studio: SimpleNamespace, protocol: str) -> None:
    key = studio.keys.user_key(ACCOUNT, ARN)
    session = session_speaking(protocol, "eu-west-1")
    data = [{"MetricName": "ü", "Value": 1.5, "Timestamp": CREATED}] * 20
    for least in (1, 1_000_000):
        cloudwatch = session.client(
            "cloudwatch",
            endpoint_url=studio.url,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            config=Config(request_min_compression_size_bytes=least, retries={"max_attempts": 0}),
        )
        SEEN.clear()
        cloudwatch.put_metric_data(Namespace="n", MetricData=data)
        assert SEEN[0][1] == {"Namespace": "n", "MetricData": data}
        with pytest.raises(botocore.exceptions.ClientError) as error:
            cloudwatch.list_dashboards()
        assert code_of(error) == ("UnsupportedOperation", 501)
        cloudwatch.close()


def test_refusals_of_cbor_are_cbor(studio: SimpleNamespace) -> None:
    request = urllib.request.Request(  # noqa: S310 - a URL of our own server
        f"{studio.url}/service/GraniteServiceVersion20100801/operation/ListMetrics",
        data=b"\xa0",
        headers={"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"},
    )
    status, body = fetch(request)
    assert (status, cbor2.loads(body)["__type"]) == (403, "MissingAuthenticationTokenException")


def test_own_service(client: Maker) -> None:
    answer = client("mlstudio").get_studio_status()
    assert answer["ResourceCounts"] == {"TrainingJob": 2}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("mlstudio").list_events(MaxResults=1)
    assert code_of(error) == ("UnsupportedOperation", 501)


def test_runtime_is_forwarded_unread(client: Maker) -> None:
    answer = client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"1,2")
    assert answer["Body"].read() == b"from the gateway: 1,2"


def test_own_routes_stay(studio: SimpleNamespace) -> None:
    assert fetch(f"{studio.url}/_health") == (200, b"well")


def test_event_streams_arrive(client: Maker) -> None:
    logs = client("logs", config=Config(inject_host_prefix=False))
    arn = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:g"
    stream = logs.start_live_tail(logGroupIdentifiers=[arn])["responseStream"]
    first, second = list(stream)
    assert first == {"sessionStart": {"sessionId": "s"}}
    assert second["sessionUpdate"]["sessionResults"][0]["message"] == "line"


def test_operation_that_is_not_built(client: Maker) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="CreateHub of sagemaker") as error:
        client("sagemaker").create_hub(HubName="h", HubDescription="d")
    assert code_of(error) == ("UnsupportedOperation", 501)


@pytest.mark.parametrize("name", ["broken", "wrong"])
def test_our_own_mistakes(client: Maker, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(botocore.exceptions.ClientError) as error:
        client("sagemaker").describe_training_job(TrainingJobName=name)
    assert code_of(error) == ("InternalFailure", 500)
    request_id = error.value.response["ResponseMetadata"]["RequestId"]
    assert request_id in error.value.response["Error"]["Message"]
    assert "secret" not in str(error.value)
    assert request_id in caplog.text
    assert "Traceback" in caplog.text


def test_wrong_secret_and_unknown_key(client: Maker) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("sagemaker", aws_secret_access_key="x").describe_training_job(TrainingJobName="j")
    assert code_of(error) == ("InvalidSignatureException", 403)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("sagemaker", aws_access_key_id="AKIAIOSFODNN7EXAMPLE").describe_training_job(
            TrainingJobName="j"
        )
    assert code_of(error) == ("UnrecognizedClientException", 403)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client("s3", aws_secret_access_key="x").list_buckets()
    assert code_of(error) == ("SignatureDoesNotMatch", 403)
    assert SEEN == []


def post(
    studio: SimpleNamespace,
    body: bytes,
    headers: dict[str, str],
    path: str = "/",
    sign: bool = True,
) -> tuple[int, str]:
    request = AWSRequest("POST", studio.url + path, headers=headers, data=body)
    if sign:
        key = studio.keys.user_key(ACCOUNT, ARN)
        credentials = BotoCredentials(key.access_key, key.secret_key)
        SigV4Auth(credentials, "sagemaker", "eu-west-1").add_auth(request)
    raw = urllib.request.Request(  # noqa: S310 - a URL of our own server
        studio.url + path, data=body, headers=dict(request.headers.items()), method="POST"
    )
    status, answer = fetch(raw)
    return status, answer.decode()


JSON = {"Content-Type": "application/x-amz-json-1.1"}
DESCRIBE = {**JSON, "X-Amz-Target": "SageMaker.DescribeTrainingJob"}


@pytest.mark.parametrize("header", ["Origin", "Cookie", "Sec-Fetch-Site", "sec-fetch-mode"])
def test_browsers_are_refused(studio: SimpleNamespace, header: str) -> None:
    status, text = post(studio, b'{"TrainingJobName":"j"}', {**DESCRIBE, header: "x"})
    assert status == 403
    assert "AccessDenied" in text


def test_what_is_not_signed_learns_nothing(studio: SimpleNamespace) -> None:
    status, text = post(studio, b"{}", DESCRIBE, sign=False)
    assert (status, "MissingAuthenticationTokenException" in text) == (403, True)
    status, text = post(studio, b"{}", {**JSON, "X-Amz-Target": "SageMaker.No"}, sign=False)
    assert (status, "MissingAuthenticationTokenException" in text) == (403, True)


@pytest.mark.parametrize(
    "headers",
    [
        {**JSON, "X-Amz-Target": "SageMaker.MakeCoffee"},
        {**JSON, "X-Amz-Target": "SageMaker"},
        {**JSON, "X-Amz-Target": "Logs_20140328.DescribeLogGroups"},
        {"Content-Type": "text/plain", "X-Amz-Target": "SageMaker.DescribeTrainingJob"},
        JSON,
    ],
)
def test_unknown_operations(studio: SimpleNamespace, headers: dict[str, str]) -> None:
    status, text = post(studio, b"{}", headers)
    assert (status, "UnknownOperationException" in text) == (400, True)


def test_strange_paths_are_answered_by_us(studio: SimpleNamespace) -> None:
    for path in ("/a%0Ab", "/%FF", "//", "/endpoints//invocations", "/a;b"):
        status, text = post(studio, b"{}", JSON, path)
        assert (status, "UnknownOperationException" in text) == (400, True), path


def test_large_bodies(studio: SimpleNamespace) -> None:
    status, text = post(studio, b" " * (dispatch.MAX_BODY + 1), DESCRIBE)
    assert (status, "RequestEntityTooLargeException" in text) == (413, True)
    bomb = gzip.compress(b" " * (dispatch.MAX_BODY + 1))
    status, text = post(studio, bomb, {**DESCRIBE, "Content-Encoding": "gzip"})
    assert (status, "RequestEntityTooLargeException" in text) == (413, True)
    status, text = post(studio, bomb[:-20], {**DESCRIBE, "Content-Encoding": "gzip"})
    assert status in (400, 413)
    status, text = post(studio, b"plain", {**DESCRIBE, "Content-Encoding": "gzip"})
    assert (status, "SerializationException" in text) == (400, True)


def test_the_access_log_has_no_secrets(
    client: Maker, studio: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    url = client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    with caplog.at_level(logging.INFO):
        assert fetch(url)[0] == 200
        client("sagemaker").describe_training_job(TrainingJobName="j")
    assert "sagemaker.DescribeTrainingJob 200" in caplog.text
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("jupyter_mlstudio")]
    assert len(ours) == 2
    assert not any("Signature" in line or "X-Amz" in line for line in ours)
