"""AWS inputs and outputs as JSON that a browser understands, and back."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ..wire.errors import AWSError, validation_error


def dumps(document: object) -> str:
    """Return JSON: ISO 8601 timestamps, base64 blobs, names for numbers that are not finite."""
    return json.dumps(_plain(document), allow_nan=False, separators=(",", ":"))


def error_document(error: AWSError) -> dict[str, Any]:
    """Return what a client reads of an error."""
    return {"code": error.code, "message": error.message, "fields": error.fields}


def to_params(shape: Shape | None, document: object) -> Any:  # noqa: ANN401 - as the shape says
    """Return ``document`` as boto3 takes it: blobs are bytes. Timestamps may stay strings.

    Raises
    ------
    AWSError
        A blob is not base64.
    """
    match shape, document:
        case StructureShape(), dict():
            members = shape.members
            return {name: to_params(members.get(name), value) for name, value in document.items()}
        case ListShape(), list():
            return [to_params(shape.member, value) for value in document]
        case MapShape(), dict():
            return {name: to_params(shape.value, value) for name, value in document.items()}
        case Shape(type_name="blob"), str():
            return _blob(document)
    return document


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise validation_error(f"A blob is not base64: {error}") from error


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(name): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    return value
