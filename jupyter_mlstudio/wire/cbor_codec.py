"""CBOR bodies (Smithy RPC v2) against botocore's shapes.

Source: "Smithy RPC v2 CBOR protocol" of the Smithy specification, and RFC 8949.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

import cbor2
from botocore.model import ListShape, MapShape, Shape, StructureShape

from .errors import serialization_error
from .scalars import MAX_DEPTH, Value, checked_integer, format_timestamp, parse_timestamp

logger = logging.getLogger(__name__)

_EPOCH_TAG = 1
_NAMES = {"dict": "map", "_Moment": "timestamp", "NoneType": "null"}


@dataclass(frozen=True, slots=True)
class _Moment:
    """What stood under the tag of a time: seconds since the epoch."""

    seconds: float


def parse_cbor(body: bytes) -> Value:
    """Read a body; an empty one is an empty map.

    Raises
    ------
    AWSError
        ``SerializationException`` for anything but one item of plain CBOR: tags other than that
        of a time, repeated keys, keys that are no text, text that is not UTF-8, nesting without
        end, lengths beyond the body, bytes behind it.
    """
    if not body:
        return {}
    try:
        stream = BytesIO(body)
        value = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_Decoders({_EPOCH_TAG: _moment}),
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        ).decode()
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, MemoryError):
        raise serialization_error("The request body is not valid CBOR") from None
    if stream.tell() != len(body):
        raise serialization_error("The request body goes on behind its CBOR")
    return value


def dump_cbor(value: Value) -> bytes:
    """Write a body."""
    return cbor2.dumps(value)


def read_cbor(shape: Shape, value: Value) -> Value:
    """Turn parsed CBOR into AWS parameters.

    Members that are null are left out, those the model does not know are ignored and logged;
    null inside a list or map stays, for the validation to name.
    """
    match shape:
        case StructureShape():
            return _read_structure(shape, value)
        case ListShape():
            if not isinstance(value, list):
                raise _mismatch(shape, value)
            return [None if _absent(item) else read_cbor(shape.member, item) for item in value]
        case MapShape():
            return {
                key: None if _absent(item) else read_cbor(shape.value, item)
                for key, item in _text_keys(shape, value).items()
            }
        case _:
            return _read_scalar(shape, value)


def write_cbor(shape: Shape, value: Value) -> Value:
    """Turn a checked result into what :func:`dump_cbor` takes."""
    match shape:
        case StructureShape():
            return {
                shape.members[name].serialization.get("name", name): write_cbor(
                    shape.members[name], member
                )
                for name, member in value.items()
                if member is not None
            }
        case ListShape():
            return [write_cbor(shape.member, item) for item in value]
        case MapShape():
            return {key: write_cbor(shape.value, item) for key, item in value.items()}
        case _:
            return _write_scalar(shape, value)


def _read_structure(shape: StructureShape, value: Value) -> dict[str, Value]:
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    known = {}
    for key, item in _text_keys(shape, value).items():
        name = names.get(key)
        if name is None:
            if key != "__type":
                logger.info("Ignored unknown member %.100r of %s", key, shape.name)
        elif not _absent(item):
            known[name] = read_cbor(shape.members[name], item)
    return known


def _text_keys(shape: Shape, value: Value) -> dict[str, Value]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _mismatch(shape, value)
    return value


def _read_scalar(shape: Shape, value: Value) -> Value:
    kind = shape.type_name
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind in ("string", "character") and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("integer", "long") and whole:
        return checked_integer(shape, value)
    if kind in ("float", "double") and (whole or isinstance(value, float)):
        return float(value)
    if kind == "blob" and isinstance(value, bytes):
        return value
    if kind == "timestamp" and isinstance(value, _Moment):
        return parse_timestamp(value.seconds, "unixtimestamp")
    raise _mismatch(shape, value)


def _write_scalar(shape: Shape, value: Value) -> Value:
    match shape.type_name:
        case "blob":
            return bytes(value)
        case "timestamp":
            return cbor2.CBORTag(_EPOCH_TAG, format_timestamp(value, "unixtimestamp"))
        case "float" | "double":
            return float(value)
        case _:
            return value


def _absent(value: Value) -> bool:
    return value is None or value is cbor2.undefined


def _moment(seconds: object, immutable: bool) -> _Moment:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ValueError("a time is a number")
    return _Moment(seconds)


def _refuse(content: object, immutable: bool) -> NoReturn:
    raise ValueError("a tag that has no place in a request")


class _Decoders(dict[int, Any]):
    """What is done with a tag: any but those given is refused.

    Left alone, cbor2 would build shared references, big numbers and regular expressions.
    """

    def __missing__(self, tag: int) -> Any:  # noqa: ANN401 - cbor2's callbacks
        return _refuse


def _mismatch(shape: Shape, value: object) -> Exception:
    found = type(value).__name__
    return serialization_error(f"{_NAMES.get(found, found)} can not be converted to {shape.name}")
