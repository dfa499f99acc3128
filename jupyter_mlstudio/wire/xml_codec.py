"""XML bodies (rest-xml both ways, query responses) against botocore's shapes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .errors import AWSError
from .scalars import Value, from_text, to_text

# Besides markup: CR, which parsers turn into LF, and what XML 1.0 has no place for.
_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]')
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """Escape text for an element or an attribute."""
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], f"&#x{ord(found[0]):x};"), text)


def readable(text: str) -> str:
    """Return text without what no parser of XML 1.0 takes, not even escaped."""
    return _UNREADABLE.sub("\ufffd", text)


def element(name: str, content: str, attributes: str = "") -> str:
    """Return ``<name attributes>content</name>``; content and attributes are escaped already."""
    return f"<{name}{attributes}>{content}</{name}>"


def write_document(root: str) -> bytes:
    """Return a document with its declaration."""
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + root).encode("utf-8", "replace")


def namespace(shape: Shape) -> str:
    """Return the ``xmlns`` attribute of a shape, with a leading space, or nothing."""
    declared = shape.serialization.get("xmlNamespace")
    if not declared:
        return ""
    if isinstance(declared, str):
        declared = {"uri": declared}
    prefix = f":{declared['prefix']}" if declared.get("prefix") else ""
    return f' xmlns{prefix}="{escape(declared["uri"])}"'


def write_members(shape: StructureShape, value: Mapping[str, Any]) -> str:
    """Return the elements of a structure's members; those that live in headers are left out."""
    return "".join(
        _write(member, value[name], _output_name(name, member))
        for name, member in shape.members.items()
        if value.get(name) is not None
        and "location" not in member.serialization
        and not member.serialization.get("xmlAttribute")
    )


def write_structure(shape: StructureShape, value: Mapping[str, Any], name: str) -> str:
    """Return a structure as one element."""
    attributes = namespace(shape)
    for member_name, member in shape.members.items():
        if member.serialization.get("xmlAttribute") and value.get(member_name) is not None:
            attributes += f' {member.serialization["name"]}="{escape(str(value[member_name]))}"'
    return element(name, write_members(shape, value), attributes)


def _output_name(name: str, member: Shape) -> str:
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        inner = member.member.serialization.get("name")
        if inner:
            return str(inner)
    return str(member.serialization.get("name", name))


def _write(shape: Shape, value: Value, name: str) -> str:
    match shape:
        case StructureShape():
            return write_structure(shape, value, name)
        case ListShape():
            return _write_list(shape, value, name)
        case MapShape():
            return _write_map(shape, value, name)
        case _:
            return element(name, escape(to_text(shape, value, "iso8601")), namespace(shape))


def _write_list(shape: ListShape, value: Value, name: str) -> str:
    if shape.serialization.get("flattened"):
        return "".join(_write(shape.member, item, name) for item in value)
    inner = shape.member.serialization.get("name", "member")
    items = "".join(_write(shape.member, item, inner) for item in value)
    return element(name, items, namespace(shape))


def _write_map(shape: MapShape, value: Value, name: str) -> str:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    flattened = shape.serialization.get("flattened")
    entries = "".join(
        element(
            name if flattened else "entry",
            _write(shape.key, key, key_name) + _write(shape.value, item, value_name),
        )
        for key, item in value.items()
    )
    return entries if flattened else element(name, entries, namespace(shape))


def parse_xml(body: bytes) -> ET.Element:
    """Read a document; declarations of types and entities are refused.

    Raises
    ------
    AWSError
        ``MalformedXML``.
    """
    try:
        text = body.decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("document type declarations are not allowed")
        return ET.fromstring(text)  # noqa: S314 - entities cannot be declared without a DOCTYPE
    except (ValueError, ET.ParseError):
        raise _malformed("The XML you provided was not well-formed") from None


def read_xml(shape: Shape, node: ET.Element) -> Value:
    """Turn an element into AWS parameters. Recursion is bounded by the model."""
    match shape:
        case StructureShape():
            return _read_structure(shape, node)
        case ListShape():
            inner = shape.member.serialization.get("name", "member")
            return [read_xml(shape.member, item) for item in node if _tag(item) == inner]
        case MapShape():
            return _read_map(shape, [entry for entry in node if _tag(entry) == "entry"])
        case _ if len(node):
            raise _malformed(f"{_tag(node)[:64]} must not have elements")
        case _:
            return _read_scalar(shape, node.text or "")


def _read_scalar(shape: Shape, text: str) -> Value:
    try:
        return from_text(shape, text, "iso8601")
    except AWSError as error:
        raise _malformed(error.message) from None


def _read_structure(shape: StructureShape, node: ET.Element) -> dict[str, Any]:
    children: dict[str, list[ET.Element]] = {}
    for child in node:
        children.setdefault(_tag(child), []).append(child)
    known: dict[str, Any] = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        if member.serialization.get("xmlAttribute"):
            value = _attribute(node, key)
            if value is not None:
                known[name] = value
        elif key in children:
            known[name] = _read_member(member, children[key])
    return known


def _read_member(member: Shape, nodes: list[ET.Element]) -> Value:
    if member.serialization.get("flattened"):
        if isinstance(member, ListShape):
            return [read_xml(member.member, node) for node in nodes]
        if isinstance(member, MapShape):
            return _read_map(member, nodes)
    if len(nodes) > 1:
        raise _malformed(f"{_tag(nodes[0])[:64]} is given twice")
    return read_xml(member, nodes[0])


def _read_map(shape: MapShape, entries: list[ET.Element]) -> dict[str, Any]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    result = {}
    for entry in entries:
        pair = {_tag(child): child for child in entry}
        if key_name not in pair or value_name not in pair:
            raise _malformed(f"An entry of a map needs {key_name} and {value_name}")
        result[read_xml(shape.key, pair[key_name])] = read_xml(shape.value, pair[value_name])
    return result


def _attribute(node: ET.Element, name: str) -> str | None:
    local = name.rpartition(":")[2]
    for key, value in node.attrib.items():
        if key.rpartition("}")[2] == local:
            return value
    return None


def _tag(node: ET.Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _malformed(message: str) -> AWSError:
    return AWSError("MalformedXML", message, status=400)
