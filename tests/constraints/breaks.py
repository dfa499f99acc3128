"""Requests with exactly one thing wrong: every constraint of a model, wherever it can be broken.

What is expected is written down here from AWS's own refusals, apart from the code that is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .shapes import (
    LONGEST,
    Place,
    Step,
    Wrong,
    at,
    entries,
    items,
    misfit,
    smallest,
    text_of,
    within,
)

CONSTRAINT, SERIALIZATION = "constraint", "serialization"
MOST_ITEMS = 20_000
_INT32 = 2**31
_JSON_OF = {
    "string": ((1, "NUMBER_VALUE"), ([], "START_ARRAY"), ({}, "START_OBJECT")),
    "integer": (("1", "STRING_VALUE"), (True, "BOOLEAN_VALUE"), (1.5, "NUMBER_VALUE")),
    "long": (("1", "STRING_VALUE"), (1.5, "NUMBER_VALUE"), ([], "START_ARRAY")),
    "float": (("one", None), (True, "BOOLEAN_VALUE"), ({}, "START_OBJECT")),
    "double": (("one", None), (True, "BOOLEAN_VALUE"), ({}, "START_OBJECT")),
    "boolean": (("true", "STRING_VALUE"), (1, "NUMBER_VALUE"), ([], "START_ARRAY")),
    "timestamp": (("yesterday", None), (1e300, None), (True, "BOOLEAN_VALUE"), ({}, "START")),
    "blob": (("!", None), (1, "NUMBER_VALUE"), ([], "START_ARRAY")),
    "list": (({}, "START_OBJECT"), ("a", "STRING_VALUE"), (1, "NUMBER_VALUE")),
    "map": (([], "START_ARRAY"), ("a", "STRING_VALUE"), (True, "BOOLEAN_VALUE")),
    "structure": (([], "START_ARRAY"), ("a", "STRING_VALUE"), (1, "NUMBER_VALUE")),
}


@dataclass(frozen=True, slots=True)
class Break:
    """A request, what is wrong with it, and what the refusal has to say."""

    what: str
    where: str
    shape: str
    value: Any
    kind: str
    says: tuple[str, ...]

    @property
    def constraint(self) -> tuple[str, str]:
        """What is tried whatever the place is: a constraint of a shape."""
        return self.what, self.shape


class Breaker:
    """Breaks an operation's input, one thing at a time.

    ``base`` are members that a request needs beside those that the model requires.
    """

    def __init__(self, root: StructureShape, base: dict[str, Any] | None = None) -> None:
        self.root = root
        self._base = base or {}

    def smallest(self) -> dict[str, Any]:
        """Return the smallest valid request."""
        return {**smallest(self.root), **self._base}

    def breaks(self, place: Place) -> Iterator[Break]:
        """Yield everything that can be wrong at a place."""
        shape = at(self.root, place)
        if shape.type_name == "structure" and getattr(shape, "is_document_type", False):
            return
        if place:
            yield from self._wrong_types(place, shape)
        match shape:
            case StructureShape():
                yield from self._structure(place, shape)
            case ListShape():
                yield from self._list(place, shape)
            case MapShape():
                yield from self._map(place, shape)
            case _:
                yield from self._scalar(place, shape)

    def _structure(self, place: Place, shape: StructureShape) -> Iterator[Break]:
        good = smallest(shape) if place else self.smallest()
        for name in shape.required_members:
            says = f"Value null at '{_path(self.root, (*place, Step(name)))}' {_FAILED}{_NULL}"
            left = {key: value for key, value in good.items() if key != name}
            yield self._made("missing", place, left, says, shape=shape.members[name])
            yield self._made(
                "null", place, {**left, name: Wrong(None)}, says, shape=shape.members[name]
            )
        if shape.is_tagged_union and place:
            text = f"at '{_path(self.root, place)}' {_FAILED}Exactly one member of the union"
            yield self._made("union of none", place, {}, text)
            if len(shape.members) > 1:
                both = {name: smallest(shape.members[name]) for name in list(shape.members)[:2]}
                yield self._made("union of two", place, both, text)

    def _list(self, place: Place, shape: ListShape) -> Iterator[Break]:
        limits = shape.metadata
        most, least = limits.get("max"), limits.get("min", 0)
        if most is not None and most < MOST_ITEMS:
            rule = f"Member must have length less than or equal to {most}"
            yield self._rule("too many items", place, shape, items(shape, most + 1), rule)
        if least > 0:
            rule = f"Member must have length greater than or equal to {least}"
            yield self._rule("too few items", place, shape, items(shape, least - 1), rule)
        inside = (*place, Step(None))
        if _compound(shape.member):
            says = f"Value null at '{_path(self.root, inside)}' {_FAILED}{_NULL}"
        else:
            says = f"at '{_path(self.root, place)}' {_FAILED}Member must satisfy constraint: ["
        nulls = [Wrong(None), *items(shape, max(least, 1))[1:]]
        yield self._made("null item", place, nulls, says)

    def _map(self, place: Place, shape: MapShape) -> Iterator[Break]:
        limits = shape.metadata
        most, least = limits.get("max"), limits.get("min", 0)
        if most is not None and most < MOST_ITEMS and (many := entries(shape, most + 1)):
            rule = f"Member must have length less than or equal to {most}"
            yield self._rule("too many entries", place, shape, many, rule)
        if least > 0:
            rule = f"Member must have length greater than or equal to {least}"
            few = entries(shape, least - 1) if least > 1 else {}
            yield self._rule("too few entries", place, shape, few, rule)
        path = _path(self.root, place)
        one = entries(shape, 1)
        assert one is not None
        for what, key, rule in _broken(shape.key):
            says = f"at '{path}' {_FAILED}Map keys must satisfy constraint: ["
            value = {**one, key: smallest(shape.value)}
            yield self._made(f"key: {what}", place, value, says, rule, shape=shape.key)
        inside = (*place, Step(None))
        if _compound(shape.value):
            says = f"Value null at '{_path(self.root, inside)}' {_FAILED}{_NULL}"
        else:
            says = f"at '{path}' {_FAILED}Map value must satisfy constraint: ["
        yield self._made("null value", place, dict.fromkeys(one, Wrong(None)), says)

    def _scalar(self, place: Place, shape: Shape) -> Iterator[Break]:
        for what, value, rule in _broken(shape):
            yield self._rule(what, place, shape, value, rule)
        if shape.type_name == "string":
            text = Wrong("a\ud800")
            yield self._made("lone surrogate", place, text, kind=SERIALIZATION)
        if shape.type_name in ("integer", "long"):
            yield self._made("2^63", place, Wrong(2**63), "out of range", kind=SERIALIZATION)

    def _rule(self, what: str, place: Place, shape: Shape, value: Any, rule: str) -> Break:
        above = at(self.root, place[:-1]) if place else None
        path = _path(self.root, place)
        if isinstance(above, ListShape) and not _compound(shape):
            path = _path(self.root, place[:-1])
            says = f"at '{path}' {_FAILED}Member must satisfy constraint: ["
        elif isinstance(above, MapShape) and not _compound(shape):
            path = _path(self.root, place[:-1])
            says = f"at '{path}' {_FAILED}Map value must satisfy constraint: ["
        else:
            says = f"at '{path}' {_FAILED}{rule}"
        return self._made(what, place, value, says, rule)

    def _wrong_types(self, place: Place, shape: Shape) -> Iterator[Break]:
        for number, (value, token) in enumerate(_JSON_OF[shape.type_name]):
            says = (f"{token}",) if token else ()
            yield self._made(f"wrong type {number}", place, Wrong(value), *says, kind=SERIALIZATION)

    def _made(
        self,
        what: str,
        place: Place,
        value: Any,
        *says: str,
        kind: str = CONSTRAINT,
        shape: Shape | None = None,
    ) -> Break:
        made = self._within(place, value)
        name = (shape or at(self.root, place)).name
        return Break(what, _path(self.root, place), name, made, kind, says)

    def _within(self, place: Place, value: Any) -> Any:
        return self.within(place, value) if place else value

    def within(self, place: Place, value: Any) -> dict[str, Any]:
        """Return the smallest request with a value at a place."""
        made = within(self.root, place, lambda _: value)
        member = place[0].member or ""
        given, base = made[member], self._base.get(member)
        if len(place) > 1 and isinstance(base, dict):
            given = {**base, **given}
        return {**self.smallest(), member: given}


_FAILED = "failed to satisfy constraint: "
_NULL = "Member must not be null"


def _compound(shape: Shape) -> bool:
    return shape.type_name in ("structure", "list", "map")


def _broken(shape: Shape) -> Iterator[tuple[str, Any, str]]:
    """Yield what breaks a scalar: the constraint, a value and AWS's words for the rule."""
    limits = shape.metadata
    kind = shape.type_name
    if kind in ("string", "blob"):
        yield from _wrong_lengths(shape)
    elif "max" in limits and limits["max"] + 1 < _INT32:
        rule = f"Member must have value less than or equal to {limits['max']}"
        yield "too great", type(smallest(shape))(limits["max"] + 1), rule
    if kind not in ("string", "blob") and "min" in limits and limits["min"] - 1 >= -_INT32:
        rule = f"Member must have value greater than or equal to {limits['min']}"
        yield "too small", type(smallest(shape))(limits["min"] - 1), rule
    if "pattern" in limits and (bad := misfit(shape)) is not None:
        yield "pattern", bad, f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if "enum" in limits:
        values = ", ".join(limits["enum"])
        yield "enum", "NoSuchValue", f"Member must satisfy enum value set: [{values}"


def _wrong_lengths(shape: Shape) -> Iterator[tuple[str, Any, str]]:
    limits, blob = shape.metadata, shape.type_name == "blob"
    most, least = limits.get("max", LONGEST), limits.get("min", 0)
    if "enum" in limits:
        return
    if most < LONGEST:
        text = text_of(limits.get("pattern"), most + 1) or "a" * (most + 1)
        rule = f"Member must have length less than or equal to {most}"
        yield "too long", text.encode() if blob else text, rule
    if least > 0:
        text = text_of(limits.get("pattern"), least - 1) or "a" * (least - 1)
        rule = f"Member must have length greater than or equal to {least}"
        yield "too short", text.encode() if blob else text, rule


def _path(root: Shape, place: Place) -> str:
    """Return how AWS writes a place: members with small first letters, items by number or key."""
    parts: list[str] = []
    for depth, step in enumerate(place):
        above = at(root, place[:depth])
        if step.member is not None:
            parts.append(step.member[:1].lower() + step.member[1:])
        elif isinstance(above, MapShape):
            one = entries(above, 1)
            assert one is not None
            parts += [next(iter(one)), "member"]
        else:
            parts += ["1", "member"]
    return ".".join(parts)


def raw_bodies(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that are no plain JSON object, made from one that is."""
    yield "not closed", good[:-1] + b"," if good != b"{}" else b"{"
    yield "an array", b"[" + good + b"]"
    yield "a text", b'"text"'
    yield "null", b"null"
    yield "not UTF-8", b'{"A":"\xff"}'
    yield "NaN", b'{"A":NaN}'
    yield "Infinity", b'{"A":-Infinity}'
    yield "a key twice", b'{"A":1,"A":1}'
    yield "deep arrays", b'{"A":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield "deep objects", b'{"A":' * 1000 + b"1" + b"}" * 1000
    yield "thousands of digits", b'{"A":' + b"9" * 5000 + b"}"
    if good != b"{}":
        document = json.loads(good)
        name = next(iter(document))
        again = json.dumps({name: document[name]}).encode()[1:]
        yield "a member twice", good[:-1] + b"," + again
        yield "deep in a member", b'{"%s":' % name.encode() + b"[" * 1000 + b"]" * 1000 + b"}"
