"""The event stream framing of AWS: messages of typed headers and a payload, each with two CRCs.

A message is: total length, length of the headers, CRC-32 of these two, headers, payload, CRC-32 of
everything before it; numbers are big-endian 32 bit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.model import Shape, StructureShape

from .check import check_result
from .errors import AWSError
from .json_codec import dump_json, write_json
from .scalars import Value, format_timestamp
from .xml_codec import write_document, write_structure

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MAX_PAYLOAD = 16 * 1024 * 1024
_BYTES_HEADER, _STRING_HEADER = 6, 7


def encode_message(headers: Mapping[str, str | bytes], payload: bytes = b"") -> bytes:
    """Return one framed message.

    Raises
    ------
    ValueError
        If the payload is larger than a message may be.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"an event carries at most {MAX_PAYLOAD} bytes")
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def encode_event(
    stream: StructureShape, name: str, event: Mapping[str, Any], protocol: str = "rest-json"
) -> bytes:
    """Return one event of an event stream.

    Parameters
    ----------
    stream:
        The union shape of the stream, e.g. ``ResponseStream``.
    name:
        Which event: a member of ``stream``.
    event:
        Its members, e.g. ``{"Bytes": b"…"}``.
    """
    shape = _event_shape(stream, name)
    check_result(shape, event, name)
    headers: dict[str, str | bytes] = {":event-type": name, ":message-type": "event"}
    for member_name, member in shape.members.items():
        if member.serialization.get("eventheader") and event.get(member_name) is not None:
            headers[member_name] = _header_value(member, event[member_name])
    content_type, payload = _payload(shape, event, protocol)
    headers[":content-type"] = content_type
    return encode_message(headers, payload)


def encode_exception(stream: StructureShape, error: AWSError) -> bytes:
    """Return the event that ends a stream with an error.

    An error the stream models becomes an exception event, any other an error event.
    """
    if error.code in stream.members:
        shape = _event_shape(stream, error.code)
        key = "Message" if "Message" in shape.members else "message"
        members = {key: error.message, **error.fields}
        known = {name: value for name, value in members.items() if name in shape.members}
        headers = {
            ":exception-type": error.code,
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return encode_message(headers, dump_json(write_json(shape, known)))
    return encode_message(
        {":error-code": error.code, ":error-message": error.message, ":message-type": "error"}
    )


def encode_events(
    stream: StructureShape, events: Iterable[Mapping[str, Any]], protocol: str
) -> Iterator[bytes]:
    """Frame events as botocore gives them to callers: dictionaries with one event each."""
    for event in events:
        for name, members in event.items():
            yield encode_event(stream, name, members, protocol)


def initial_response(payload: bytes) -> bytes:
    """Return the first event of a json-protocol stream: the members beside the stream."""
    headers = {
        ":event-type": "initial-response",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return encode_message(headers, payload)


def _event_shape(stream: StructureShape, name: str) -> StructureShape:
    shape = stream.members[name]
    if not isinstance(shape, StructureShape):
        raise TypeError(f"{name} of {stream.name} is no event")
    return shape


def _payload(shape: StructureShape, event: Mapping[str, Any], protocol: str) -> tuple[str, bytes]:
    for name, member in shape.members.items():
        if not member.serialization.get("eventpayload"):
            continue
        value = event.get(name)
        if member.type_name == "blob":
            return "application/octet-stream", bytes(value or b"")
        if member.type_name == "string":
            return "text/plain", str(value or "").encode()
        return _document(member, value or {}, protocol)
    return _document(shape, event, protocol)


def _document(shape: Shape, value: Value, protocol: str) -> tuple[str, bytes]:
    if protocol == "rest-xml" and isinstance(shape, StructureShape):
        return "text/xml", write_document(write_structure(shape, value, shape.name))
    return "application/json", dump_json(write_json(shape, value))


def _header_value(member: Shape, value: Value) -> str | bytes:
    if member.type_name == "blob":
        return bytes(value)
    if member.type_name == "timestamp":
        return str(format_timestamp(value, "iso8601"))
    return str(value)


def _header(name: str, value: str | bytes) -> bytes:
    kind = _BYTES_HEADER if isinstance(value, bytes) else _STRING_HEADER
    raw = value if isinstance(value, bytes) else value.encode()
    encoded = name.encode()
    return struct.pack(">B", len(encoded)) + encoded + struct.pack(">BH", kind, len(raw)) + raw
