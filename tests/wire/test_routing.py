"""Which operation a request is for."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.encode import encode, encode_error
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.routing import match_path, rest_paths, route, subresources
from jupyter_mlstudio.wire.services import service_model

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}

CBOR = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
RPC = "/service/GraniteServiceVersion20100801/operation"
PUT_EVENTS = {"X-Amz-Target": "Logs_20140328.PutLogEvents"}


def scoped(name: str, **headers: str) -> dict[str, str]:
    scope = f"AKIA/20260101/us-east-1/{name}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h", **headers}


@pytest.mark.parametrize(
    ("method", "target", "headers", "expected"),
    [
        ("GET", "/", {}, "ListBuckets"),
        ("GET", "/b", {}, "ListObjects"),
        ("GET", "/b/", {}, "ListObjects"),
        ("GET", "/b?list-type=2&prefix=x", {}, "ListObjectsV2"),
        ("GET", "/b?location", {}, "GetBucketLocation"),
        ("GET", "/b?versions", {}, "ListObjectVersions"),
        ("GET", "/b?uploads", {}, "ListMultipartUploads"),
        ("HEAD", "/b", {}, "HeadBucket"),
        ("PUT", "/b", {}, "CreateBucket"),
        ("DELETE", "/b", {}, "DeleteBucket"),
        ("POST", "/b?delete", {}, "DeleteObjects"),
        ("GET", "/b/k", {}, "GetObject"),
        ("GET", "/b//k//", {}, "GetObject"),
        ("GET", "/b/k%0A", {}, "GetObject"),
        ("GET", "/b/k?partNumber=1&x-id=GetObject", {}, "GetObject"),
        ("GET", "/b/k?uploadId=u", {}, "ListParts"),
        ("GET", "/b/k?tagging", {}, "GetObjectTagging"),
        ("GET", "/b/k?attributes", {"x-amz-object-attributes": "ETag"}, "GetObjectAttributes"),
        ("HEAD", "/b/k", {}, "HeadObject"),
        ("PUT", "/b/k", {}, "PutObject"),
        ("PUT", "/b/k", {"x-amz-copy-source": "/b/o"}, "CopyObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {"x-amz-copy-source": "/b"}, "UploadPartCopy"),
        ("POST", "/b/k?uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", {}, "CompleteMultipartUpload"),
        ("DELETE", "/b/k", {}, "DeleteObject"),
        ("DELETE", "/b/k?uploadId=u", {}, "AbortMultipartUpload"),
    ],
)
def test_s3(method: str, target: str, headers: dict[str, str], expected: str) -> None:
    found = route(WireRequest.of(method, target, scoped("s3", **headers)))
    assert (found.service, found.operation, found.protocol) == ("s3", expected, "rest-xml")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/endpoints/e/invocations", "sagemaker-runtime.InvokeEndpoint"),
        ("POST", "/endpoints/e/async-invocations", "sagemaker-runtime.InvokeEndpointAsync"),
        ("PUT", "/FeatureGroup/g", "sagemaker-featurestore-runtime.PutRecord"),
        ("POST", "/BatchGetRecord", "sagemaker-featurestore-runtime.BatchGetRecord"),
        ("PUT", "/BatchPutMetrics", "sagemaker-metrics.BatchPutMetrics"),
    ],
)
def test_rest_paths_of_sagemaker(method: str, path: str, expected: str) -> None:
    found = route(WireRequest.of(method, path, scoped("sagemaker")))
    assert f"{found.service}.{found.operation}" == expected


def test_the_scope_tells_s3_from_rest_paths() -> None:
    found = route(WireRequest.of("PUT", "/FeatureGroup/g", scoped("s3")))
    assert found.service == "s3"


@pytest.mark.parametrize(
    "request_",
    [
        WireRequest.of("POST", "/", scoped("sts", **FORM), b"Action=GetRole"),
        WireRequest.of("POST", "/", scoped("sts", **FORM), b"\xff\xfe=%ff"),
        WireRequest.of("POST", "/", scoped("sagemaker", **FORM), b"Action=ListModels"),
        WireRequest.of("GET", "/", scoped("sagemaker")),
        WireRequest.of("POST", f"{RPC}/ListMetrics", scoped("monitoring")),
        WireRequest.of("GET", f"{RPC}/ListMetrics", scoped("monitoring", **CBOR)),
        WireRequest.of("POST", f"{RPC}/Nothing", scoped("monitoring", **CBOR)),
        WireRequest.of("POST", f"{RPC}/ListMetrics/", scoped("monitoring", **CBOR)),
        WireRequest.of("POST", f"{RPC}/ListMetrics", scoped("sagemaker", **CBOR)),
        WireRequest.of(
            "POST", "/service/SageMaker/operation/ListModels", scoped("sagemaker", **CBOR)
        ),
        WireRequest.of("POST", "/endpoints/a/b/invocations", scoped("sagemaker")),
        WireRequest.of("PATCH", "/b/k", scoped("s3")),
        WireRequest.of("POST", "/", scoped("logs", **JSON, **{"X-Amz-Target": "Logs_20140328."})),
        WireRequest.of("POST", "/", scoped("logs", **JSON, **{"X-Amz-Target": "é.x"})),
        WireRequest.of(
            "GET", "/", scoped("logs", **JSON, **{"X-Amz-Target": "Logs_20140328.PutLogEvents"})
        ),
    ],
)
def test_unknown(request_: WireRequest) -> None:
    with pytest.raises(AWSError) as error:
        route(request_)
    assert error.value.code in ("UnknownOperationException", "MalformedInput")
    assert error.value.status in (None, 400)


def test_a_service_that_is_not_here_is_named() -> None:
    with pytest.raises(AWSError, match="The service 'ec2' is not built") as error:
        route(WireRequest.of("POST", "/", scoped("ec2", **FORM), b"Action=RunInstances"))
    assert (error.value.code, error.value.status) == ("UnsupportedOperation", 501)


def test_too_many_fields() -> None:
    body = b"&".join(b"a%d=1" % n for n in range(10_001)) + b"&Action=GetCallerIdentity"
    with pytest.raises(AWSError, match="MalformedInput"):
        route(WireRequest.of("POST", "/", scoped("sts", **FORM), body))


@pytest.mark.parametrize(
    "body",
    [
        b"Tags.member.x.Key=a",
        b"Tags.member.1=a",
        b"Tags=a&Tags.member.1.Key=b",
        b"RoleArn=a&RoleArn=b",
        b"RoleArn.a=b",
        b"DurationSeconds=1e3",
        b"DurationSeconds=" + b"9" * 5000,
        b"DurationSeconds=99999999999",
        b"." * 200 + b"=x",
        b"RoleArn=%ff",
    ],
)
def test_hostile_forms(body: bytes) -> None:
    request = WireRequest.of("POST", "/", FORM, b"Action=AssumeRole&" + body)
    with pytest.raises(AWSError) as error:
        decode("sts", "AssumeRole", request, protocol="query")
    assert error.value.status in (None, 400)


@pytest.mark.parametrize(
    "body",
    [
        b"<",
        b"<a></b>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY x "y">]><Delete>&x;</Delete>',
        "<?xml version='1.0' encoding='utf-16'?><Delete/>".encode("utf-16"),
        b"<Delete><Object><Key><a/></Key></Object></Delete>",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
        b"<Delete><Quiet>true</Quiet><Quiet>true</Quiet></Delete>",
        b"<a>" * 50_000,
        b"\xff",
    ],
)
def test_hostile_xml(body: bytes) -> None:
    request = WireRequest.of("POST", "/b?delete", {}, body)
    with pytest.raises(AWSError) as error:
        decode("s3", "DeleteObjects", request)
    assert (error.value.code, error.value.status) == ("MalformedXML", 400)


def test_deep_xml_is_read_as_far_as_the_model_goes() -> None:
    body = b"<Delete>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</Delete>"
    assert decode("s3", "DeleteObjects", WireRequest.of("POST", "/b?delete", {}, body)) == {
        "Bucket": "b",
        "Delete": {},
    }


def query_model() -> ServiceModel:
    """CloudWatch's model as older clients have it: query, with result wrappers."""
    raw = dict(service_model("cloudwatch")._service_description)
    metadata = {**raw["metadata"], "protocol": "query"}
    operations = {
        name: {**entry, "output": {**entry["output"], "resultWrapper": f"{name}Result"}}
        if "output" in entry
        else entry
        for name, entry in raw["operations"].items()
    }
    return ServiceModel({**raw, "metadata": metadata, "operations": operations}, "cloudwatch")


def test_cloudwatch_from_older_clients() -> None:
    operation = query_model().operation_model("GetMetricStatistics")
    serializer = create_serializer("query", include_validation=False)
    parameters = {"Namespace": "n", "MetricName": "m", "Statistics": ["Sum"], "Period": 60}
    made = serializer.serialize_to_request(parameters, operation)
    body = urlencode(made["body"]).encode()
    request = WireRequest.of("POST", "/", scoped("monitoring", **FORM), body)
    found = route(request)
    assert (found.service, found.operation, found.protocol) == (
        "cloudwatch",
        "GetMetricStatistics",
        "query",
    )
    assert decode("cloudwatch", found.operation, request, protocol="query") == parameters
    result = {"Label": "m", "Datapoints": [{"Sum": 1.5, "Unit": "Count"}]}
    response = encode("cloudwatch", found.operation, result, protocol="query", request_id="r")
    raw = {"status_code": 200, "headers": response.headers, "body": response.body}
    parsed = create_parser("query").parse(raw, operation.output_shape)
    assert {name: parsed[name] for name in result} == result
    error = AWSError("InvalidParameterValueException", "No.")
    refusal = encode_error("cloudwatch", found.operation, error, "r", protocol="query")
    raw = {"status_code": refusal.status, "headers": {}, "body": refusal.body}
    assert create_parser("query").parse(raw, None)["Error"]["Code"] == "InvalidParameterValue"


def test_match_path_only_looks_at_one_service() -> None:
    request = WireRequest.of("POST", "/endpoints/e/invocations", {})
    assert match_path("sagemaker-runtime", request) == "InvokeEndpoint"
    assert match_path("sagemaker-metrics", request) is None
    assert match_path("sagemaker", request) is None


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_the_index_leaves_nothing_out(data: st.DataObject) -> None:
    """Looking at every template of the service finds the same."""
    service = data.draw(st.sampled_from(["s3", "sagemaker-runtime", "scheduler"]))
    known = [path for paths in rest_paths(service).values() for path in paths]
    parameters = sorted({name for path in known for name, _ in path.literals} | {"uploadId", "x"})
    method = data.draw(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]))
    names = st.lists(st.sampled_from(parameters), max_size=3, unique=True)
    query = data.draw(names.map(lambda chosen: dict.fromkeys(chosen, "")))
    path = data.draw(st.sampled_from(["/", "/b", "/b/k", "/endpoints/e/invocations", "/schedules"]))
    headers = data.draw(st.sampled_from([{}, {"x-amz-copy-source": "/b/k"}]))
    request = WireRequest.of(method, f"{path}?{urlencode(query)}", headers)
    found = [
        each
        for (verb, _), paths in rest_paths(service).items()
        if verb == method
        for each in paths
        if each.matches(request, query)
    ]
    best = max((each.weight for each in found), default=None)
    operation = match_path(service, request)
    named = subresources(service) & query.keys()
    likely = {each for each in found if each.weight == best}
    right = {each.operation for each in likely if named <= {name for name, _ in each.literals}}
    assert operation in right or (operation is None and len(right) < max(1, len(likely)))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/b/k?renameObject"),
        ("DELETE", "/b/k?annotation"),
        ("PUT", "/b?analytics"),
        ("DELETE", "/b?inventory"),
        ("GET", "/b?acl&tagging"),
    ],
)
def test_half_a_subresource_is_not_the_resource(method: str, target: str) -> None:
    """Or an object was overwritten or deleted that nobody meant."""
    assert match_path("s3", WireRequest.of(method, target, {})) is None
