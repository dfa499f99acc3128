"""botocore as the oracle: what it serialises we decode, what we encode it parses.

Every operation of every routed service is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.model import OperationModel, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.encode import encode, encode_error
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.query_codec import parse_form
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.routing import route
from jupyter_mlstudio.wire.services import SERVICES, SIGNING_NAMES, protocols, service_model

from .generate import Generator

ROUNDS = 3
# Twins that S3 tells apart by nothing, or by the host: the first name gets the second's route.
TWINS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
# Its deprecated shape has two members that are written with the same element.
AMBIGUOUS = {"GetBucketNotification", "PutBucketNotification"}
SPOKEN = [(service, protocol) for service in SERVICES for protocol in protocols(service)]
"""Every service in every protocol that some botocore speaks with it."""


def operations(service: str) -> Iterator[OperationModel]:
    model = service_model(service)
    for name in model.operation_names:
        yield model.operation_model(name)


def wire_request(
    service: str, protocol: str, model: OperationModel, parameters: dict[str, Any]
) -> WireRequest:
    """A request as botocore would put it on the wire, with a scope but no signature."""
    serializer = create_serializer(protocol, include_validation=False)
    made = serializer.serialize_to_request(parameters, model)
    target = made["url_path"]
    if made["query_string"]:
        target += ("&" if "?" in target else "?") + percent_encode_sequence(made["query_string"])
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    prepared = AWSRequest(made["method"], "http://h/", made["headers"], body).prepare()
    headers = {
        k: v.decode() if isinstance(v, bytes) else str(v) for k, v in prepared.headers.items()
    }
    scope = f"AKIA/20260101/us-east-1/{SIGNING_NAMES[service]}/aws4_request"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h, Signature=s"
    return WireRequest.of(made["method"], target, headers, body)


@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_requests(service: str, protocol: str) -> None:
    for model in operations(service):
        if model.name in AMBIGUOUS:
            continue
        for turn in range(ROUNDS):
            made = Generator(f"{service} {model.name} {turn}", protocol, decoding=True)
            parameters = made.structure(model.input_shape) if model.input_shape else {}
            request = wire_request(service, protocol, model, parameters)
            found = route(request)
            name = TWINS.get(model.name, model.name)
            assert (found.service, found.operation) == (service, name)
            assert found.protocol == protocol
            decoded = decode(service, model.name, request, protocol=found.protocol)
            for both in (decoded, parameters):
                # HTTP sets it from the body, whatever the parameter says.
                both.pop("ContentLength", None)
            assert decoded == parameters, model.name


@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_responses(service: str, protocol: str) -> None:
    parser = create_parser(protocol)
    for model in operations(service):
        if model.has_event_stream_output or model.name in AMBIGUOUS:
            continue
        for turn in range(ROUNDS):
            made = Generator(f"{service} {model.name} {turn}", protocol, decoding=False)
            result = made.structure(model.output_shape) if model.output_shape else {}
            # botocore's handlers undo it, not its parser: see test_s3_names.
            result.pop("EncodingType", None)
            response = encode(service, model.name, result, protocol=protocol, request_id="id-1")
            assert isinstance(response.body, bytes)
            body: Any = response.body
            if model.has_streaming_output:
                body = Stream(response.body)
            raw = {
                "status_code": response.status,
                "headers": HeadersDict(response.headers),
                "body": body,
                "context": {},
            }
            if model.name == "GetBucketLocation":
                # Not for the parser: botocore takes it from the text of the root element.
                assert f">{result.get('LocationConstraint', '')}</".encode() in response.body
                continue
            parsed = parser.parse(raw, model.output_shape)
            # botocore does not look for it where there is nothing else to parse.
            silent = protocol == "smithy-rpc-v2-cbor" and model.output_shape is None
            assert parsed.pop("ResponseMetadata").get("RequestId") == (None if silent else "id-1")
            assert normal(parsed) == normal(result), model.name


class Stream:
    """A streaming body in botocore's hands."""

    def __init__(self, content: bytes) -> None:
        self.content = content


def normal(value: Any) -> Any:
    """Return a value without what a wire format cannot carry: what is empty."""
    if isinstance(value, Stream):
        return value.content
    if isinstance(value, dict):
        plain = {key: normal(item) for key, item in value.items()}
        return {key: item for key, item in plain.items() if item not in ({}, b"", None)}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return value


@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_errors(service: str, protocol: str) -> None:
    parser = create_parser(protocol)
    model = service_model(service)
    for shape in model.error_shapes:
        details = shape.metadata.get("error") or {}
        made = Generator(shape.name, protocol, decoding=False)
        fields = {
            name: made.value(member)
            for name, member in shape.members.items()
            if name.lower() not in ("message", "code") and "location" not in member.serialization
        }
        error = AWSError(shape.name, "what ü <happened>", fields=fields)
        response = encode_error(service, None, error, "id-2", protocol=protocol)
        raw = {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": response.body,
        }
        parsed = parser.parse(raw, None)
        expected = details.get("code", shape.name)
        if "x-amzn-query-error" in raw["headers"]:
            assert parsed["Error"]["QueryErrorCode"] == shape.name
        assert parsed["Error"]["Code"] == expected
        assert parsed["Error"]["Message"] == "what ü <happened>"
        assert response.status == details.get("httpStatusCode", 400)
        assert parsed["ResponseMetadata"]["RequestId"] == "id-2"
        if protocol != "rest-xml":
            again = parser.parse(raw, shape)
            assert {name: again[name] for name in fields} == fields


def test_structure_shapes_cover_all_protocols() -> None:
    """The fuzz above means something only if it meets every protocol."""
    assert {protocol for _, protocol in SPOKEN} == {
        "json",
        "smithy-rpc-v2-cbor",
        "rest-json",
        "query",
        "rest-xml",
    }
    assert all(isinstance(m.input_shape, StructureShape | None) for m in operations("s3"))


@given(st.text(alphabet="ab=&+%2é☃ \x00C3", max_size=40))
def test_forms_are_read_as_python_reads_them(text: str) -> None:
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(AWSError, match="MalformedInput"):
            parse_form(text)
    else:
        assert parse_form(text) == expected
