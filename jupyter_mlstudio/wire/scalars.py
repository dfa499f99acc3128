"""Timestamps, numbers and blobs as text and as JSON values, both ways."""

from __future__ import annotations

import base64
import binascii
import math
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from botocore.model import Shape

from .errors import serialization_error

Value = Any
"""Any AWS value, or the JSON for one."""

MAX_DEPTH = 100
"""How deep a request may nest; AWS's own models stay below 20."""

_INTEGER_LIMITS = {"integer": 2**31, "long": 2**63}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def timestamp_format(shape: Shape, default: str) -> str:
    """Return how a timestamp of this shape is written: its own format, else the protocol's."""
    return str(shape.serialization.get("timestampFormat", default)).lower()


def from_text(shape: Shape, text: str, timestamps: str) -> Value:
    """Read a scalar of ``shape`` from a URI label, header, query string, form or XML text.

    Parameters
    ----------
    timestamps:
        Format of timestamps that do not say otherwise: ``iso8601``, ``rfc822`` or
        ``unixtimestamp``.
    """
    match shape.type_name:
        case "string" | "character":
            return text
        case "boolean":
            return _boolean(text)
        case "integer" | "long":
            if not _INTEGER.fullmatch(text):
                raise serialization_error(f"{_clip(text)} can not be converted to an Integer")
            return checked_integer(shape, int(text))
        case "float" | "double":
            return parse_float(text)
        case "blob":
            return parse_blob(text)
        case "timestamp":
            return parse_timestamp(text, timestamp_format(shape, timestamps))
        case other:
            raise serialization_error(f"A value of type {other} cannot be read from text")


def to_text(shape: Shape, value: Value, timestamps: str) -> str:
    """Write a scalar of ``shape`` as :func:`from_text` reads it."""
    match shape.type_name:
        case "boolean":
            return "true" if value else "false"
        case "float" | "double":
            return str(special_float(value))
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return str(format_timestamp(value, timestamp_format(shape, timestamps)))
        case _:
            return str(value)


def checked_integer(shape: Shape, value: int) -> int:
    """Return ``value`` if it fits the shape's 32 or 64 bits."""
    limit = _INTEGER_LIMITS[shape.type_name]
    if not -limit <= value < limit:
        raise serialization_error(f"{_clip(str(value))} is out of range of {shape.type_name}")
    return value


def parse_float(text: str) -> float:
    """Read a number; AWS writes what is not finite as a word."""
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if not _FLOAT.fullmatch(text):
        raise serialization_error(f"{_clip(text)} can not be converted to a Double")
    return float(text)


def special_float(value: float) -> float | str:
    """Return the word for a number that is not finite, else the number."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def parse_blob(text: str) -> bytes:
    """Read base64, strictly."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise serialization_error("A blob is not valid base64") from None


def parse_timestamp(value: str | float, form: str) -> datetime:
    """Read a time; numbers and digits are seconds since 1970 whatever ``form`` says.

    Returns
    -------
    datetime
        Aware, in UTC.
    """
    try:
        if isinstance(value, (int, float)) or _FLOAT.fullmatch(value):
            return datetime.fromtimestamp(float(value), UTC)
        read = parsedate_to_datetime if form == "rfc822" else datetime.fromisoformat
        moment = read(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise serialization_error(f"{_clip(str(value))} is not a timestamp") from None


def format_timestamp(value: datetime, form: str) -> str | float:
    """Write an aware time as ``iso8601``, ``rfc822`` or ``unixtimestamp`` (a number)."""
    moment = value.astimezone(UTC)
    if form == "rfc822":
        return format_datetime(moment.replace(microsecond=0), usegmt=True)
    if form == "unixtimestamp":
        return moment.timestamp() if moment.microsecond else int(moment.timestamp())
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise serialization_error(f"{_clip(text)} can not be converted to a Boolean")
    return text.lower() == "true"


def _clip(text: str) -> str:
    return text if len(text) <= 64 else text[:61] + "..."
