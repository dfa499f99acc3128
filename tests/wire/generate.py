"""Random values of botocore's shapes, from a seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_WORDS = ["a", "b c", "ü€😀", "x/y", "a&b=c", "1+1", "%2F", '"q"', "<t>", "é", "Z9_-.~", "a'b"]
_PLAIN = ["a", "b-c", "x/y", "Z9_.~", "q"]


class Generator:
    """Makes values that fit a shape's types.

    Parameters
    ----------
    seed:
        The same seed makes the same values.
    decoding:
        Requests: what clients send. Otherwise results: what botocore's parsers can tell apart.
    """

    def __init__(self, seed: str, protocol: str, *, decoding: bool) -> None:
        self._random = random.Random(seed)
        self._protocol = protocol
        self._decoding = decoding

    def structure(self, shape: StructureShape, depth: int = 0) -> dict[str, Any]:
        """Return a structure with some of its members, and all that a path needs."""
        if shape.is_tagged_union:
            name = self._random.choice(list(shape.members))
            return {name: self._member(shape.members[name], depth)}
        value = {}
        chance = 0.8 if depth < 3 else 0.3
        for name, member in shape.members.items():
            if member.serialization.get("eventstream"):
                continue
            required = name in shape.required_members or self._is_label(member)
            if required or (depth < 6 and self._random.random() < chance):
                value[name] = self._member(member, depth)
        if not value and depth and shape.members and self._protocol == "query":
            # A form has no way to say that a structure is empty.
            name = next(iter(shape.members))
            value[name] = self._member(shape.members[name], depth)
        return value

    def value(self, shape: Shape, depth: int = 0) -> Any:
        """Return a value of any shape."""
        match shape:
            case StructureShape():
                return {"any": [1, "x"]} if shape.is_document_type else self.structure(shape, depth)
            case ListShape():
                return [self.value(shape.member, depth + 1) for _ in range(self._count(depth))]
            case MapShape():
                keys = {self._text(_WORDS) for _ in range(self._count(depth))}
                return {
                    self._map_key(shape.key, key): self.value(shape.value, depth + 1)
                    for key in keys
                }
            case _:
                return self._scalar(shape)

    def _member(self, member: Shape, depth: int) -> Any:
        location = member.serialization.get("location")
        if location is None:
            return self.value(member, depth + 1)
        if location == "headers":
            return {f"k-{i}": self._text(_PLAIN) for i in range(1, 3)}
        if location == "statusCode":
            return self._random.choice([200, 201, 206])
        if isinstance(member, ListShape):
            return [self._located(member.member, location) for _ in range(2)]
        if isinstance(member, MapShape):
            return {"k": "v"}
        return self._located(member, location)

    def _located(self, member: Shape, location: str) -> Any:
        if member.type_name == "string":
            if "enum" in member.metadata:
                return self._random.choice(member.metadata["enum"])
            if member.serialization.get("hostLabel"):
                return "host.label-1"
            plain = location == "header"
            return self._text(_PLAIN if plain else _WORDS)
        value = self._scalar(member)
        form = member.serialization.get("timestampFormat")
        if isinstance(value, datetime) and (location == "header" or form is not None):
            return value.replace(microsecond=0)
        return value

    def _scalar(self, shape: Shape) -> Any:
        rng = self._random
        match shape.type_name:
            case "boolean":
                return rng.random() < 0.5
            case "integer":
                return rng.choice([0, 1, -1, 2**31 - 1, -(2**31), rng.randrange(10**6)])
            case "long":
                return rng.choice([0, 1, -1, 2**63 - 1, -(2**63), rng.randrange(10**12)])
            case "float" | "double":
                return rng.choice([0.0, 1.5, -1e-9, 1e300, 0.1, rng.random()])
            case "timestamp":
                return self._timestamp(shape)
            case "blob":
                return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 20)))
            case _:
                return self._string(shape)

    def _timestamp(self, shape: Shape) -> datetime:
        seconds = self._random.randrange(4_000_000_000)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        if shape.serialization.get("timestampFormat") == "rfc822":
            return moment
        return moment + timedelta(microseconds=self._random.choice([0, 250_000, 123_456]))

    def _string(self, shape: Shape) -> str:
        if "enum" in shape.metadata and self._random.random() < 0.8:
            return str(self._random.choice(shape.metadata["enum"]))
        return self._text(_WORDS)

    def _map_key(self, shape: Shape, key: str) -> str:
        if "enum" in shape.metadata:
            return str(self._random.choice(shape.metadata["enum"]))
        return key

    def _text(self, words: list[str]) -> str:
        return "".join(self._random.choice(words) for _ in range(self._random.randrange(1, 4)))

    def _count(self, depth: int) -> int:
        # A list of the query and XML protocols that has no items looks like one that is absent.
        least = 0 if self._protocol in ("json", "rest-json") else 1
        return self._random.randrange(least, 3) if depth < 5 else least

    @staticmethod
    def _is_label(member: Shape) -> bool:
        location = member.serialization.get("location")
        return location == "uri"
