"""The parts of REST requests and responses beside the body: path, query string and headers."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from .errors import AWSError, serialization_error
from .query_codec import parse_form
from .request import WireRequest
from .routing import labels, template_pattern
from .scalars import Value, from_text, to_text

_LINE_BREAK = re.compile(r"[\r\n\0]")


def read_locations(operation: OperationModel, request: WireRequest) -> dict[str, Any]:
    """Return the parameters that stand in the path, the query string and the headers."""
    shape = operation.input_shape
    if shape is None:
        return {}
    members = located(shape)
    known = {}
    if "uri" in members:
        path = _path_labels(operation, request.path)
        for name, key, member in members["uri"]:
            if key in path:
                known[name] = from_text(member, path[key], "iso8601")
    if request.query and "querystring" in members:
        query = _query(request.query)
        for name, key, member in members["querystring"]:
            value = _read_query(member, key, query)
            if value is not None:
                known[name] = value
    for name, key, member in members.get("header", ()):
        text = request.headers.get(key)
        if text is not None:
            known[name] = _read_header(member, text)
    for name, key, _ in members.get("headers", ()):
        value = _header_map(key, request)
        if value:
            known[name] = value
    return known


@cache
def located(shape: StructureShape) -> Mapping[str, tuple[tuple[str, str, Shape], ...]]:
    """Return the members of a shape by location: (member, what it is called there, its shape).

    Those that live in the body are under "".
    """
    found: dict[str, list[tuple[str, str, Shape]]] = {}
    for name, member in shape.members.items():
        where = member.serialization.get("location", "")
        key = member.serialization.get("name", name)
        found.setdefault(where, []).append((name, key, member))
    return {where: tuple(members) for where, members in found.items()}


def write_headers(shape: StructureShape, value: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of a result that live in headers.

    Raises
    ------
    AWSError
        ``InvalidArgument`` if a value would break the header.
    """
    headers: dict[str, str] = {}
    members = located(shape)
    for name, key, member in members.get("header", ()):
        item = value.get(name)
        if item is not None:
            headers[key] = _header_text(member, item)
    for name, key, _ in members.get("headers", ()):
        for suffix, text in (value.get(name) or {}).items():
            headers[key + suffix] = text
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
        pairs = parse_form(raw)
    except AWSError:
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
