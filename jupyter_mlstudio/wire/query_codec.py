"""Form bodies of the query protocol (sts, iam, and cloudwatch from older clients)."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .errors import AWSError, serialization_error
from .scalars import MAX_DEPTH, Value, from_text

logger = logging.getLogger(__name__)

MAX_FIELDS = 10_000
_PROTOCOL_FIELDS = frozenset({"Action", "Version"})

# A node is the text of a field, or the nodes below it by the next part of the dotted name.
Node = dict[str, Any]


def parse_form(text: str) -> list[tuple[str, str]]:
    """Read ``a=b&c=d``.

    Raises
    ------
    AWSError
        ``MalformedInput`` if it is not UTF-8 or has too many fields.
    """
    pieces = text.split("&")
    try:
        if len(pieces) > MAX_FIELDS:
            raise ValueError("too many fields")
        split = (piece.partition("=") for piece in pieces if piece)
        return [(_decoded(name), _decoded(value)) for name, _, value in split]
    except ValueError:
        raise AWSError("MalformedInput", "The form of the request cannot be read") from None


def _decoded(text: str) -> str:
    # Most text is plain, and urllib takes its time to find out.
    text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def read_form(shape: StructureShape, fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Turn the fields of a form into AWS parameters."""
    root: Node = {}
    for name, value in fields:
        if name not in _PROTOCOL_FIELDS and not name.startswith("X-Amz-"):
            _insert(root, name, value)
    parameters: dict[str, Any] = _read(shape, root)
    return parameters


def _insert(root: Node, name: str, value: str) -> None:
    parts = name.split(".")
    if len(parts) > MAX_DEPTH:
        raise serialization_error(f"The request nests deeper than {MAX_DEPTH} levels")
    node = root
    for part in parts[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise serialization_error(f"{name[:64]!r} is both a value and a prefix")
    if parts[-1] in node:
        raise serialization_error(f"{name[:64]!r} is given twice")
    node[parts[-1]] = value


def _read(shape: Shape, node: Value) -> Value:
    match shape:
        case StructureShape():
            return _read_structure(shape, node)
        case ListShape():
            return _read_list(shape, node)
        case MapShape():
            return _read_map(shape, node)
        case _ if isinstance(node, str):
            return from_text(shape, node, "iso8601")
        case _:
            raise serialization_error(f"A {shape.type_name} was expected, not a structure")


def _read_structure(shape: StructureShape, node: Value) -> dict[str, Value]:
    children = dict(_children(node))
    known = {}
    for name, member in shape.members.items():
        key = _field_name(name, member)
        if key in children:
            known[name] = _read(member, children.pop(key))
    if children:
        logger.info("Ignored unknown members of %s: %.200r", shape.name, sorted(children))
    return known


def _field_name(name: str, member: Shape) -> str:
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        inner = member.member.serialization.get("name")
        if inner:
            return str(inner)
    return str(member.serialization.get("name", name))


def _read_list(shape: ListShape, node: Value) -> list[Value]:
    if node == "":
        return []
    children = _children(node)
    if not shape.serialization.get("flattened"):
        children = _children(children.get(shape.member.serialization.get("name", "member"), {}))
    return [_read(shape.member, item) for item in _numbered(children)]


def _read_map(shape: MapShape, node: Value) -> dict[str, Value]:
    if node == "":
        return {}
    children = _children(node)
    if not shape.serialization.get("flattened"):
        children = _children(children.get("entry", {}))
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    result = {}
    for entry in _numbered(children):
        pair = _children(entry)
        if key_name not in pair or value_name not in pair:
            raise serialization_error(f"An entry of a map needs {key_name} and {value_name}")
        result[_read(shape.key, pair[key_name])] = _read(shape.value, pair[value_name])
    return result


def _children(node: Value) -> Node:
    if isinstance(node, dict):
        return node
    if node == "":
        return {}
    raise serialization_error("A value was found where a structure was expected")


def _numbered(children: Node) -> list[Any]:
    if not all(index.isascii() and index.isdigit() and len(index) < 10 for index in children):
        raise serialization_error("The items of a list must be numbered")
    return [children[index] for index in sorted(children, key=int)]
