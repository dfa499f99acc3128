"""The parts of REST requests and responses beside the body: path, query string and headers."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from .errors import AWSError, serialization_error
from .request import WireRequest
from .routing import labels, template_pattern
from .scalars import Value, from_text, to_text

_LINE_BREAK = re.compile(r"[\r\n\0]")


def read_locations(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
    """Return the parameters that stand in the path, the query string and the headers."""
    shape = operation.input_shape
    if shape is None:
        return {}
    path = _path_labels(operation, request.path)
    query = _query(request.query)
    known = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if key in path:
                known[name] = from_text(member, path[key], "iso8601")
            case "querystring":
                value = _read_query(member, key, query)
                if value is not None:
                    known[name] = value
            case "header" if key in request.headers:
                known[name] = _read_header(member, request.headers[key])
            case "headers":
                value = _header_map(key, request)
                if value:
                    known[name] = value
    return known


def write_headers(shape: StructureShape, value: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of a result that live in headers.

    Raises
    ------
    AWSError
        ``InvalidArgument`` if a value would break the header.
    """
    headers: dict[str, str] = {}
    for name, member in shape.members.items():
        item = value.get(name)
        if item is None:
            continue
        key = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "header":
                headers[key] = _header_text(member, item)
            case "headers":
                headers.update({key + suffix: text for suffix, text in item.items()})
    for key, text in headers.items():
        if _LINE_BREAK.search(key + text):
            raise AWSError("InvalidArgument", f"The value of {key[:64]!r} has a line break")
    return headers


def _path_labels(operation: OperationModel, path: str) -> dict[str, str]:
    template = operation.http["requestUri"].partition("?")[0]
    found = template_pattern(template).fullmatch(path)
    if found is None:
        raise serialization_error(f"The path is not one of {operation.name}")
    return {
        label: _decoded(text) for label, text in zip(labels(template), found.groups(), strict=True)
    }


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise serialization_error("The path is not UTF-8") from None


def _query(raw: str) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise serialization_error("The query string cannot be read") from None
    query: dict[str, list[str]] = {}
    for name, value in pairs:
        query.setdefault(name, []).append(value)
    return query


def _read_query(member: Shape, key: str, query: dict[str, list[str]]) -> Value:
    if member.type_name == "map":
        return {name: values[0] for name, values in query.items()} or None
    values = query.get(key)
    if values is None:
        return None
    if isinstance(member, ListShape):
        return [from_text(member.member, value, "iso8601") for value in values]
    return from_text(member, values[0], "iso8601")


def _read_header(member: Shape, text: str) -> Value:
    if isinstance(member, ListShape):
        items = next(csv.reader([text], escapechar="\\", skipinitialspace=True), [])
        return [from_text(member.member, item, "rfc822") for item in items]
    return from_text(member, text, "rfc822")


def _header_map(prefix: str, request: WireRequest) -> dict[str, str]:
    prefix = prefix.lower()
    return {
        name.lower()[len(prefix) :]: value
        for name, value in request.headers.items()
        if name.lower().startswith(prefix)
    }


def _header_text(member: Shape, value: Value) -> str:
    if isinstance(member, ListShape):
        return ",".join(to_text(member.member, item, "rfc822") for item in value)
    return to_text(member, value, "rfc822")
