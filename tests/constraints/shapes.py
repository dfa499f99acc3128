"""The smallest valid value of a shape, and values that are just within or beyond its limits.

Values are AWS's: timestamps are datetimes, blobs bytes. What cannot be such a value on purpose is
wrapped in :class:`Wrong` and goes onto the wire as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

from jupyter_mlstudio.wire.validate import compiled

MOMENT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONGEST = 2 << 20
"""Characters of the longest string that is made; longer limits are left to the body's limit."""

# What fits some pattern or other, plain ones first.
_SEEDS = (
    "a",
    "1",
    "s3://bucket/key",
    "arn:aws:iam::123456789012:role/r",
    "arn:aws:sagemaker:us-east-1:123456789012:training-job/a",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/a",
    "arn:aws:s3:us-east-1:123456789012:accesspoint/a",
    "arn:aws:kms:us-east-1:123456789012:key/a",
    "/a",
    "sg-1",
    "fs-0123456789abcdef0",
    "123456789012",
    "a.b",
    "AWS_A",
    "image:1",
    "https://a.b/c",
    "2026-11-22T12:00:00Z",
    "a/b",
    "1.0",
    "1K",
    "mig-1g.5gb",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/a",
    "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/a",
    "arn:aws:sns:us-east-1:123456789012:a",
    "arn:aws:sagemaker:us-east-1:aws:hub-content/a/DataSet/a",
    "arn:aws:sagemaker:us-east-1:aws:hub-content/a/Model/a",
    "sha256:" + "0" * 64,
    "arn:aws:lambda:us-east-1:123456789012:function:a",
    "arn:aws:sagemaker:us-east-1:123456789012:training-plan/a",
)
_BAD = ("!", " ", "\n", "\0", "\u2603", "-", "_", "/", "A", "~", "*", ":", ".", "$", "\U0001f600")


@dataclass(frozen=True, slots=True)
class Wrong:
    """JSON that is no value of the shape it stands for."""

    json: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to a ``member`` of a structure, else to an item of a list or map."""

    member: str | None


Place = tuple[Step, ...]
Put = Callable[[Shape], Any]


@cache
def matches(pattern: str, text: str) -> bool:
    """Say whether a text is what a pattern of the model describes."""
    expression = compiled(pattern)
    assert expression is not None
    try:
        return expression.fullmatch(text, timeout=0.25) is not None
    except TimeoutError:
        return False


@cache
def text_of(pattern: str | None, length: int) -> str | None:
    """Return a text of that length that fits a pattern; None when none was found."""
    for seed in _SEEDS:
        missing = length - len(seed)
        if missing < 0:
            continue
        for made in (
            seed + "a" * missing,
            seed + "0" * missing,
            "a" * missing + seed,
            (seed * (length // len(seed) + 1))[:length],
        ):
            if pattern is None or matches(pattern, made):
                return made
    return "" if length == 0 and (pattern is None or matches(pattern, "")) else None


def misfit(shape: Shape) -> str | None:
    """Return a text of a good length that breaks the pattern; None when everything fits it."""
    limits = shape.metadata
    good = smallest(shape)
    for bad in _BAD:
        for made in (good[:-1] + bad, bad + good[1:], good + bad, bad * max(len(good), 1)):
            fits = limits.get("min", 0) <= len(made) <= limits.get("max", LONGEST)
            if fits and not matches(limits["pattern"], made):
                return str(made)
    return None


def smallest(shape: Shape) -> Any:
    """Return the smallest value that all constraints of the model allow."""
    limits = shape.metadata
    match shape:
        case StructureShape():
            if shape.is_document_type:
                return {}
            names = list(shape.required_members)
            if shape.is_tagged_union and not names:
                names = [next(iter(shape.members))]
            return {name: smallest(shape.members[name]) for name in names}
        case ListShape():
            return [smallest(shape.member) for _ in range(limits.get("min", 0))]
        case MapShape():
            count = limits.get("min", 0)
            return {_key(shape, number): smallest(shape.value) for number in range(count)}
    if "enum" in limits:
        return limits["enum"][0]
    match shape.type_name:
        case "string" | "character":
            return _smallest_text(shape)
        case "integer" | "long":
            return max(limits.get("min", 1), 0)
        case "float" | "double":
            return float(max(limits.get("min", 1), 0))
        case "boolean":
            return False
        case "timestamp":
            return MOMENT
        case "blob":
            return b"a" * max(limits.get("min", 1), 1)
    raise AssertionError(f"no value of {shape}")


def _smallest_text(shape: Shape) -> str:
    limits = shape.metadata
    for length in range(max(limits.get("min", 1), 1), 100):
        found = text_of(limits.get("pattern"), length)
        if found is not None:
            return found
    raise AssertionError(f"{shape.name}: none of the seeds fits {limits.get('pattern')}")


def _key(shape: MapShape, number: int) -> str:
    """Return a key of a map; as many different ones as asked for."""
    enum = shape.key.metadata.get("enum")
    if enum:
        return str(enum[number % len(enum)])
    first = smallest(shape.key)
    return str(first) if number == 0 else f"{first}{number}"


def within(shape: Shape, place: Place, put: Put) -> Any:
    """Return the smallest value with ``put(shape there)`` at a place of it."""
    if not place:
        return put(shape)
    step, rest = place[0], place[1:]
    match shape:
        case StructureShape():
            assert step.member is not None
            value = {} if shape.is_tagged_union else smallest(shape)
            return {**value, step.member: within(shape.members[step.member], rest, put)}
        case ListShape():
            return [within(shape.member, rest, put), *smallest(shape)[1:]]
        case MapShape():
            value = smallest(shape)
            return {**value, _key(shape, 0): within(shape.value, rest, put)}
    raise AssertionError(f"{shape} has nothing below it")


def at(shape: Shape, place: Place) -> Shape:
    """Return the shape at a place."""
    for step in place:
        match shape:
            case StructureShape():
                assert step.member is not None
                shape = shape.members[step.member]
            case ListShape():
                shape = shape.member
            case MapShape():
                shape = shape.value
    return shape


def places(shape: Shape, place: Place = (), above: frozenset[str] = frozenset()) -> Iterator[Place]:
    """Yield every place below a shape; of a recursive shape the first turn."""
    match shape:
        case StructureShape():
            if shape.is_document_type or shape.name in above:
                return
            for name, member in shape.members.items():
                if member.serialization.get("eventstream"):
                    continue
                here = (*place, Step(name))
                yield here
                yield from places(member, here, above | {shape.name})
        case ListShape():
            if shape.name not in above:
                yield (*place, Step(None))
                yield from places(shape.member, (*place, Step(None)), above | {shape.name})
        case MapShape():
            if shape.name not in above:
                yield (*place, Step(None))
                yield from places(shape.value, (*place, Step(None)), above | {shape.name})


def items(shape: ListShape, count: int) -> list[Any]:
    """Return a list of so many good items."""
    return [smallest(shape.member)] * count


def entries(shape: MapShape, count: int) -> dict[str, Any] | None:
    """Return a map of so many good entries; None where its keys cannot be told apart."""
    keys = [_key(shape, number) for number in range(count)]
    limits = shape.key.metadata
    fit = all(
        len(key) <= limits.get("max", LONGEST)
        and ("pattern" not in limits or matches(limits["pattern"], key))
        for key in (keys[0], keys[-1])
    )
    if len(set(keys)) < count or not fit:
        return None
    value = smallest(shape.value)
    return dict.fromkeys(keys, value)


def told(text: str) -> str:
    """Return a text as part of an expression."""
    return regex.escape(text)
