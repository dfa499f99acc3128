"""Constraints of the models, in AWS's words, and input made to break things."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

from jupyter_mlstudio.wire import validate as validation
from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.services import SERVICES, operation_model, service_model
from jupyter_mlstudio.wire.validate import compiled, extend_enum, validate

from .generate import Generator


def problem(operation: str, parameters: dict[str, Any], service: str = "sagemaker") -> str:
    with pytest.raises(AWSError) as error:
        validate(service, operation, parameters)
    assert error.value.status == 400
    return error.value.message


ARN = "arn:aws:iam::123456789012:role/r"
JOB: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": ARN,
    "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/prefix"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


def job(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in {**JOB, **changes}.items() if value is not None}


def resources(**changes: object) -> dict[str, Any]:
    return job(ResourceConfig={**JOB["ResourceConfig"], **changes})


def test_a_good_request() -> None:
    validate("sagemaker", "CreateTrainingJob", JOB)
    validate("sts", "GetCallerIdentity", {})


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            job(RoleArn=None),
            "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            job(TrainingJobName="a_b"),
            "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            resources(InstanceCount=-1),
            "1 validation error detected: Value '-1' at 'resourceConfig.instanceCount' failed to "
            "satisfy constraint: Member must have value greater than or equal to 0",
        ),
        (
            job(HyperParameters={"k": "v" * 2501}),
            "Map value must satisfy constraint: [Member must have length less than or equal to "
            "2500, Member must have length greater than or equal to 0, Member must satisfy regular "
            "expression pattern: .*, Member must not be null]",
        ),
        (
            job(HyperParameters={"k" * 257: "v"}),
            "Map keys must satisfy constraint: [Member must have length less than or equal to 256",
        ),
        (
            job(HyperParameters={str(n): "v" for n in range(101)}),
            "at 'hyperParameters' failed to satisfy constraint: Member must have length less than "
            "or equal to 100",
        ),
        (
            job(Tags=[{"Key": "a", "Value": "b"}, {"Value": "b"}]),
            "Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be "
            "null",
        ),
        (
            job(Tags=[None]),
            "Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null",
        ),
        (
            job(Environment={"A": None}),
            "Value '{A=null}' at 'environment' failed to satisfy constraint: Map value must",
        ),
        (
            job(VpcConfig={"SecurityGroupIds": ["x" * 33], "Subnets": ["s"]}),
            "at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy "
            "constraint: [Member must have length less than or equal to 32",
        ),
    ],
)
def test_wording(parameters: dict[str, Any], text: str) -> None:
    assert text in problem("CreateTrainingJob", parameters)


def test_enum_wording() -> None:
    text = problem("CreateTrainingJob", resources(InstanceType="nonsense"))
    assert text.startswith(
        "1 validation error detected: Value 'nonsense' at 'resourceConfig.instanceType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [ml.m4.xlarge, "
    )


def test_several_errors_are_told_at_once() -> None:
    text = problem("CreateTrainingJob", job(RoleArn=None, TrainingJobName="x" * 64))
    assert text.startswith("3 validation errors detected: ")
    assert text.count("; Value '") == 2
    assert "Member must have length less than or equal to 63" in text
    many = problem("AddTags", {"ResourceArn": "arn", "Tags": [{}] * 50})
    assert many.startswith("20 validation errors detected: ")


def test_enums_can_be_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_extra_values", {})
    problem("CreateTrainingJob", resources(InstanceType="local"))
    extend_enum("sagemaker", "TrainingInstanceType", ["local", "local_gpu"])
    validate("sagemaker", "CreateTrainingJob", resources(InstanceType="local"))
    assert problem("CreateTrainingJob", resources(InstanceType="x")).endswith(", local, local_gpu]")


def test_numbers_that_are_none() -> None:
    variant = {"VariantName": "v", "ModelName": "m", "InitialVariantWeight": float("nan")}
    text = problem(
        "CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    )
    assert "'productionVariants.1.member.initialVariantWeight'" in text
    assert "greater than or equal to 0" in text


def test_secrets_are_not_repeated() -> None:
    secret = "hunter2" * 2000
    validate_me = {"KeyId": "k", "Plaintext": secret.encode()}
    text = problem("Encrypt", validate_me, "kms")
    assert text.startswith("1 validation error detected: Value at 'plaintext' failed")
    assert "hunter2" not in text


def test_long_values_are_cut() -> None:
    assert len(problem("DescribeModel", {"ModelName": "x" * 10**6})) < 10_000


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sagemaker", "DescribeModel", "ValidationException"),
        ("logs", "DescribeLogStreams", "ValidationException"),
        ("logs", "GetLogEvents", "InvalidParameterException"),
        ("iam", "GetRole", "ValidationError"),
        ("sagemaker-runtime", "InvokeEndpoint", "ValidationError"),
        ("kms", "Encrypt", "ValidationException"),
        ("athena", "GetQueryExecution", "InvalidRequestException"),
    ],
)
def test_codes(service: str, operation: str, code: str) -> None:
    if operation == "DescribeLogStreams":
        validate(service, operation, {})
        return
    with pytest.raises(AWSError) as error:
        validate(service, operation, {})
    assert error.value.code == code


def test_unions_have_one_member() -> None:
    path = operation_model("sagemaker", "CreateCluster")
    assert path.input_shape is not None
    storage = {"EbsVolumeConfig": {"VolumeSizeInGB": 1}, "FsxLustreConfig": {}}
    group = {
        "InstanceGroupName": "g",
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "InstanceStorageConfigs": [storage],
    }
    text = problem("CreateCluster", {"ClusterName": "c", "InstanceGroups": [group]})
    assert "Exactly one member of the union must be set" in text


def patterns() -> Iterator[tuple[str, str, str]]:
    for service in SERVICES:
        model = service_model(service)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            if pattern is not None:
                yield service, name, pattern


def test_every_pattern_is_checked() -> None:
    """The list of patterns that cannot be compiled and are skipped: there is none."""
    found = list(patterns())
    assert len(found) > 700
    assert [entry for entry in found if compiled(entry[2]) is None] == []


def test_a_pattern_that_does_not_compile_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert compiled("([") is None
    assert "not checked" in caplog.text


def test_surrogate_pairs_of_java_patterns() -> None:
    expression = compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*")
    assert expression is not None
    assert expression.fullmatch("aü😀")
    assert not expression.fullmatch("\x01")


def test_classes_are_ascii_as_in_java() -> None:
    assert problem("DescribeModel", {"ModelName": "modèle"})
    digits = compiled(r"\d+")
    assert digits is not None
    assert not digits.fullmatch("٣")
    letters = compiled(r"[\p{L}]+")
    assert letters is not None
    assert letters.fullmatch("é")


def test_no_value_holds_validation_up() -> None:
    """Several patterns of AWS take exponential time on such values; the limit ends that."""
    for _, name, pattern in patterns():
        for start, end in (("a", "!"), ("-", "!"), ("a-", "\n"), ("/", "\0")):
            started = time.process_time()
            validation._matches(pattern, start * 500 + end)
            assert time.process_time() - started < 2, name


def test_a_runaway_pattern_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "compiled", lambda _: regex.compile("(a|aa)+$"))
    monkeypatch.setattr(validation, "PATTERN_SECONDS", 0.05)
    assert "regular expression" in problem("DescribeModel", {"ModelName": "a" * 50 + "!"})


HOSTILE_TEXTS = [
    "",
    "\0",
    "a" * 5000,
    "../../etc",
    "\u202eevil",
    "😀" * 300,
    "%00",
    "a\nb",
    "{{7*7}}",
]
HOSTILE_JSON: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    -(2**63) - 1,
    1e308,
    [],
    [None],
    [[[]]],
    {},
    {"a": None},
    {"__proto__": {}},
    *HOSTILE_TEXTS,
]


def mutate(value: Any, shape: Shape, rng: random.Random) -> Any:
    """Return JSON of a request with something hostile somewhere in it."""
    if rng.random() < 0.15:
        return rng.choice(HOSTILE_JSON)
    if isinstance(shape, StructureShape) and isinstance(value, dict) and not shape.is_document_type:
        made = {
            key: mutate(item, shape.members[key], rng)
            for key, item in value.items()
            if rng.random() > 0.05
        }
        return {**made, "Unknown": 1} if rng.random() < 0.1 else made
    if isinstance(shape, ListShape) and isinstance(value, list):
        items = [mutate(item, shape.member, rng) for item in value]
        return items * 200 if rng.random() < 0.02 else items
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: mutate(item, shape.value, rng) for key, item in value.items()}
    if isinstance(value, datetime):
        return rng.choice([value.timestamp(), "yesterday", 1e300, "1e999", -62135596801])
    if isinstance(value, bytes):
        return rng.choice(["AAAA", "!", "=", "é"])
    if isinstance(value, str) and rng.random() < 0.3:
        return rng.choice(HOSTILE_TEXTS)
    return value


JSON_SERVICES = [
    service for service in SERVICES if service_model(service).metadata["protocol"] == "json"
]


@pytest.mark.parametrize("service", [*JSON_SERVICES, "cloudwatch"])
def test_hostile_requests_are_refused_or_taken(service: str) -> None:
    """Whatever comes, decoding and validation end well or with a 400, for every operation."""
    model = service_model(service)
    outcomes = set()
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.input_shape is None:
            continue
        for turn in range(4):
            rng = random.Random(f"{service} {name} {turn}")
            good = Generator(f"{name} {turn}", "json", decoding=True).structure(
                operation.input_shape
            )
            body = json.dumps(mutate(good, operation.input_shape, rng)).encode()
            request = WireRequest.of("POST", "/", {}, body)
            try:
                validate(service, name, decode(service, name, request, protocol="json"))
            except AWSError as error:
                assert error.status == 400
                error.message.encode("utf-8")
                outcomes.add(error.code)
    assert "SerializationException" in outcomes


BODIES = [
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"1",
    b'{"TrainingJobName":"a","TrainingJobName":"b"}',
    b'{"TrainingJobName":NaN}',
    b'{"TrainingJobName":Infinity}',
    b'{"TrainingJobName":-Infinity}',
    b'{"TrainingJobName":"\\ud800"}',
    b'{"TrainingJobName":"\xff"}',
    b'{"TrainingJobName":' + b"9" * 5000 + b"}",
    b'{"TrainingJobName":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a":' * 1000 + b"1" + b"}" * 1000,
    b"\xef\xbb\xbf{}",
    b"{}\0",
    b"\0" * 1000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_hostile_bodies(body: bytes) -> None:
    request = WireRequest.of("POST", "/", {}, body)
    with pytest.raises(AWSError) as error:
        validate(
            "sagemaker", "DescribeTrainingJob", decode("sagemaker", "DescribeTrainingJob", request)
        )
    assert error.value.code in ("SerializationException", "ValidationException")
    assert error.value.status == 400


def test_unknown_members_are_ignored_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"TrainingJobName": "j", "Colour": "crimson", "__type": "x"}).encode()
    with caplog.at_level(logging.INFO):
        found = decode("sagemaker", "DescribeTrainingJob", WireRequest.of("POST", "/", {}, body))
    assert found == {"TrainingJobName": "j"}
    assert "'Colour'" in caplog.text
    assert "crimson" not in caplog.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "NUMBER_VALUE can not be converted to String"),
        (True, "BOOLEAN_VALUE can not be converted to String"),
        ([], "START_ARRAY can not be converted to String"),
        ({}, "START_OBJECT can not be converted to String"),
    ],
)
def test_wrong_json_types(value: object, text: str) -> None:
    body = json.dumps({"TrainingJobName": value}).encode()
    with pytest.raises(AWSError, match=text):
        decode("sagemaker", "DescribeTrainingJob", WireRequest.of("POST", "/", {}, body))


def test_special_floats_come_as_words() -> None:
    metric = {"MetricName": "m", "Value": "NaN", "Timestamp": 1.5}
    body = json.dumps({"Namespace": "n", "MetricData": [metric]}).encode()
    request = WireRequest.of("POST", "/", {}, body)
    found = decode("cloudwatch", "PutMetricData", request, protocol="json")
    assert str(found["MetricData"][0]["Value"]) == "nan"
    assert found["MetricData"][0]["Timestamp"] == datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)


def test_a_match_is_remembered_and_a_mismatch_is_not() -> None:
    pattern = "[a-z]+-of-this-test"
    known = validation._right.cache_info()
    for value, right in (("a-of-this-test", True), ("A-of-this-test", False)):
        assert [validation._matches(pattern, value) for _ in range(3)] == [right] * 3
    now = validation._right.cache_info()
    assert (now.currsize, now.hits) == (known.currsize + 1, known.hits + 2)
