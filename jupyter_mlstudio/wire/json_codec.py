"""JSON bodies (json 1.0, json 1.1 and rest-json) against botocore's shapes."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .errors import serialization_error
from .scalars import (
    MAX_DEPTH,
    Value,
    checked_integer,
    format_timestamp,
    parse_blob,
    parse_float,
    parse_timestamp,
    special_float,
    timestamp_format,
)

logger = logging.getLogger(__name__)

_TOKENS = {
    str: "STRING_VALUE",
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
_NAMES = {"string": "String", "structure": "Structure", "map": "Map", "list": "List"}


def parse_json(body: bytes) -> Value:
    """Read a body; an empty one is an empty object.

    Raises
    ------
    AWSError
        ``SerializationException`` for anything that is not plain JSON in UTF-8: NaN, repeated
        keys, lone surrogates, numbers with thousands of digits, nesting without end.
    """
    if not body.strip():
        return {}
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise serialization_error("The request body is not valid JSON") from None


def read_json(shape: Shape, value: Value, depth: int = 0) -> Value:
    """Turn parsed JSON into AWS parameters: blobs to bytes, timestamps to datetimes.

    Members that are null are left out, those the model does not know are ignored and logged;
    null inside a list or map stays, for the validation to name.
    """
    if depth > MAX_DEPTH:
        raise serialization_error(f"The request nests deeper than {MAX_DEPTH} levels")
    match shape:
        case StructureShape():
            return _read_structure(shape, value, depth)
        case ListShape():
            return _read_list(shape, value, depth)
        case MapShape():
            return _read_map(shape, value, depth)
        case _:
            return _read_scalar(shape, value)


def write_json(shape: Shape, value: Value) -> Value:
    """Turn a checked result into what :func:`json.dumps` takes."""
    match shape:
        case StructureShape():
            if shape.is_document_type:
                return value
            return {
                shape.members[name].serialization.get("name", name): write_json(
                    shape.members[name], member
                )
                for name, member in value.items()
                if member is not None
            }
        case ListShape():
            return [write_json(shape.member, item) for item in value]
        case MapShape():
            return {key: write_json(shape.value, item) for key, item in value.items()}
        case _:
            return _write_scalar(shape, value)


def dump_json(value: Value) -> bytes:
    """Write a body."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _read_structure(shape: StructureShape, value: Value, depth: int) -> Value:
    if shape.is_document_type:
        return value
    if not isinstance(value, dict):
        raise _mismatch(shape, value)
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    known = {}
    for key, item in value.items():
        name = names.get(key)
        if name is None:
            if key != "__type":
                logger.info("Ignored unknown member %.100r of %s", key, shape.name)
        elif item is not None:
            known[name] = read_json(shape.members[name], item, depth + 1)
    return known


def _read_list(shape: ListShape, value: Value, depth: int) -> Value:
    if not isinstance(value, list):
        raise _mismatch(shape, value)
    return [None if item is None else read_json(shape.member, item, depth + 1) for item in value]


def _read_map(shape: MapShape, value: Value, depth: int) -> Value:
    if not isinstance(value, dict):
        raise _mismatch(shape, value)
    return {
        key: None if item is None else read_json(shape.value, item, depth + 1)
        for key, item in value.items()
    }


def _read_scalar(shape: Shape, value: Value) -> Value:
    kind = shape.type_name
    plain_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("string", "character") and isinstance(value, str):
        return _encodable(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("integer", "long") and plain_number and isinstance(value, int):
        return checked_integer(shape, value)
    if kind in ("float", "double"):
        if plain_number:
            return _finite(value)
        if isinstance(value, str):
            return parse_float(value)
    if kind == "blob" and isinstance(value, str):
        return parse_blob(value)
    if kind == "timestamp" and (plain_number or isinstance(value, str)):
        return parse_timestamp(value, timestamp_format(shape, "iso8601"))
    raise _mismatch(shape, value)


def _finite(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise serialization_error("A number is out of range of Double") from None


def _encodable(text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise serialization_error("A string holds a lone surrogate") from None
    return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is repeated")
    for key in value:
        _encodable(key)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _write_scalar(shape: Shape, value: Value) -> Value:
    match shape.type_name:
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return format_timestamp(value, timestamp_format(shape, "unixtimestamp"))
        case "float" | "double":
            return special_float(value)
        case _:
            return value


def _mismatch(shape: Shape, value: object) -> Exception:
    token = _TOKENS.get(type(value), "VALUE_NULL")
    name = _NAMES.get(shape.type_name, shape.type_name.capitalize())
    return serialization_error(f"{token} can not be converted to {name}")
