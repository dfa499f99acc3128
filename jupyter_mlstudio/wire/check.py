"""Check a result against the output shape: a wrong one is a mistake in our own code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .scalars import Value

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (bytes, bytearray, memoryview),
    "timestamp": (datetime,),
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
}


class ResponseShapeError(TypeError):
    """An operation returned what its output shape does not allow."""


def check_result(shape: Shape, value: object, path: str) -> None:
    """Raise if ``value`` does not fit ``shape``.

    Structures may not have members the model does not know; a member that is None counts as
    absent. Streaming payloads may be anything.

    Raises
    ------
    ResponseShapeError
        Naming the place by ``path``.
    """
    if shape.serialization.get("streaming") or shape.serialization.get("eventstream"):
        return
    if isinstance(shape, StructureShape) and shape.is_document_type:
        return
    expected = _TYPES[shape.type_name]
    wrong_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if wrong_bool or not isinstance(value, expected):
        raise ResponseShapeError(f"{path}: {shape.type_name} expected, not {type(value).__name__}")
    if isinstance(shape, StructureShape):
        _check_structure(shape, value, path)
    elif isinstance(shape, ListShape) and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_result(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for key, item in value.items():
            check_result(shape.key, key, f"{path}.keys()")
            check_result(shape.value, item, f"{path}[{key!r}]")
    elif isinstance(value, datetime) and value.tzinfo is None:
        raise ResponseShapeError(f"{path}: an aware datetime is needed")


def _check_structure(shape: StructureShape, value: Value, path: str) -> None:
    members = shape.members
    given = {name: item for name, item in value.items() if item is not None}
    unknown = sorted(given.keys() - members.keys())
    if unknown:
        raise ResponseShapeError(f"{path}: {shape.name} has no member {', '.join(unknown)}")
    if shape.is_tagged_union and len(given) != 1:
        raise ResponseShapeError(f"{path}: exactly one member of {shape.name} must be set")
    for name, item in given.items():
        check_result(members[name], item, f"{path}.{name}")
