"""Event streams, parsed back by botocore."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import (
    ChecksumMismatch,
    EventStreamBuffer,
    InvalidHeadersLength,
    InvalidPayloadLength,
)
from botocore.exceptions import EventStreamError
from botocore.parsers import create_parser

from jupyter_mlstudio.wire.check import ResponseShapeError
from jupyter_mlstudio.wire.encode import encode
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.eventstream import encode_event, encode_exception, encode_message
from jupyter_mlstudio.wire.services import operation_model


class Raw:
    """A streaming body in botocore's hands."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def stream(self) -> Any:
        return iter(self._chunks)

    def close(self) -> None:
        pass


def parse(service: str, operation: str, headers: dict[str, str], chunks: list[bytes]) -> Any:
    model = operation_model(service, operation)
    parser = create_parser(str(model.service_model.resolved_protocol))
    raw = {
        "status_code": 200,
        "headers": HeadersDict(headers),
        "body": Raw(chunks),
        "context": {"operation_name": operation},
    }
    return parser.parse(raw, model.output_shape)


PARTS = [b"one", b"", b"\x00\xff" * 5000]


def test_invoke_endpoint_with_response_stream() -> None:
    operation = "InvokeEndpointWithResponseStream"
    events = ({"PayloadPart": {"Bytes": part}} for part in PARTS)
    result = {"Body": events, "ContentType": "text/csv", "InvokedProductionVariant": "v"}
    response = encode("sagemaker-runtime", operation, result)
    chunks = list(response.body)
    assert response.headers["X-Amzn-SageMaker-Content-Type"] == "text/csv"
    joined = b"".join(chunks)
    for split in ([joined], [joined[i : i + 7] for i in range(0, len(joined), 7)]):
        parsed = parse("sagemaker-runtime", operation, response.headers, split)
        assert [event["PayloadPart"]["Bytes"] for event in parsed["Body"]] == PARTS
        assert parsed["InvokedProductionVariant"] == "v"


@pytest.mark.parametrize(
    "error",
    [
        AWSError(
            "ModelStreamError", "It stopped.", fields={"ErrorCode": "ModelInvocationTimeExceeded"}
        ),
        AWSError("InternalStreamFailure", "It broke."),
        AWSError("SomethingElse", "Not modelled."),
    ],
)
def test_errors_in_the_stream(error: AWSError) -> None:
    operation = "InvokeEndpointWithResponseStream"
    stream = operation_model("sagemaker-runtime", operation).output_shape.members["Body"]
    chunks = [encode_event(stream, "PayloadPart", {"Bytes": b"a"}), encode_exception(stream, error)]
    parsed = parse("sagemaker-runtime", operation, {}, chunks)
    events = iter(parsed["Body"])
    assert next(events) == {"PayloadPart": {"Bytes": b"a"}}
    with pytest.raises(EventStreamError) as raised:
        next(events)
    assert raised.value.response["Error"] == {"Code": error.code, "Message": error.message}


def test_json_stream_starts_with_the_other_members() -> None:
    events = [{"sessionStart": {"sessionId": "s", "logGroupIdentifiers": ["g"]}}]
    response = encode("logs", "StartLiveTail", {"responseStream": events})
    parsed = parse("logs", "StartLiveTail", response.headers, list(response.body))
    assert list(parsed["responseStream"]) == events


def test_xml_events() -> None:
    events = [
        {"Records": {"Payload": b"1,2"}},
        {"Stats": {"Details": {"BytesScanned": 3}}},
        {"End": {}},
    ]
    response = encode("s3", "SelectObjectContent", {"Payload": events})
    parsed = parse("s3", "SelectObjectContent", response.headers, list(response.body))
    assert list(parsed["Payload"]) == events


def test_wrong_events_are_our_mistake() -> None:
    stream = operation_model("sagemaker-runtime", "InvokeEndpointWithResponseStream")
    shape = stream.output_shape.members["Body"]
    with pytest.raises(ResponseShapeError):
        encode_event(shape, "PayloadPart", {"Byte": b""})
    with pytest.raises(ResponseShapeError):
        encode_event(shape, "PayloadPart", {"Bytes": "text"})


def test_damage_is_seen() -> None:
    message = encode_message({":event-type": "x", "b": b"\x01"}, b"payload")
    for position in range(len(message)):
        changed = bytearray(message)
        changed[position] ^= 1
        buffer = EventStreamBuffer()
        buffer.add_data(bytes(changed))
        try:
            events = list(buffer)
        except (ChecksumMismatch, InvalidHeadersLength, InvalidPayloadLength):
            continue
        # A length that grew: the reader waits for more.
        assert position < 4
        assert events == []


def test_too_large_an_event() -> None:
    with pytest.raises(ValueError, match="at most"):
        encode_message({}, bytes(16 * 1024 * 1024 + 1))
