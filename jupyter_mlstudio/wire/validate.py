"""Every constraint of the service models, worded as AWS words its refusals.

Values are named in Java's notation, members by their path with small first letters, and all
violations are told at once, up to a bound.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

from .errors import AWSError
from .scalars import Value
from .services import operation_model

logger = logging.getLogger(__name__)

MAX_REPORTED = 20
MAX_VALUE_TEXT = 1024
PATTERN_SECONDS = 0.25
"""Some patterns of AWS take exponential time on long values; those count as not matching."""

_SHORT, _REMEMBERED = 256, 4096
"""How long values are whose match with a pattern is remembered, and how many."""

_CODES = {
    "athena": "InvalidRequestException",
    "cloudwatch": "ValidationError",
    "ecr": "InvalidParameterException",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sagemaker-featurestore-runtime": "ValidationError",
    "sagemaker-runtime": "ValidationError",
    "sts": "ValidationError",
}
# Java writes a character beyond U+FFFF as two; as a range of pairs Python cannot read it.
_PAIRS = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
_extra_values: dict[tuple[str, str], tuple[str, ...]] = {}


def extend_enum(service: str, shape: str, values: Iterable[str]) -> None:
    """Accept more values than AWS does for an enum, e.g. ``local`` as an instance type."""
    known = _extra_values.get((service, shape), ())
    _extra_values[service, shape] = known + tuple(v for v in values if v not in known)


def validate(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Check decoded parameters against all constraints of the model.

    Raises
    ------
    AWSError
        ``ValidationException``, or what the service calls it, with AWS's text.
    """
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return
    problems = list(islice(_Checker(service).structure(shape, parameters, ""), MAX_REPORTED))
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        code = _CODES.get(service, "ValidationException")
        raise AWSError(code, f"{count}: {'; '.join(problems)}", status=400)


@cache
def compiled(pattern: str) -> regex.Pattern[str] | None:
    """Return a model's pattern compiled, or None, logged once, if that is impossible.

    Character classes are ASCII, as in Java, unless the pattern itself speaks of Unicode.
    """
    source = pattern.replace(*_PAIRS)
    flags = regex.V0 if r"\p" in source else regex.V0 | regex.ASCII
    try:
        return regex.compile(source, flags)
    except regex.error:
        logger.warning("A pattern of a service model is not checked: %s", pattern)
        return None


class _Checker:
    """Walks parameters along their shapes and yields what is wrong."""

    def __init__(self, service: str) -> None:
        self._service = service

    def structure(
        self, shape: StructureShape, value: Mapping[str, Any], path: str
    ) -> Iterator[str]:
        if shape.is_document_type:
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield _problem(shape.members[name], None, _join(path, name), _NOT_NULL)
        if shape.is_tagged_union and len(value) != 1:
            yield _problem(shape, value, path, "Exactly one member of the union must be set")
        for name, item in value.items():
            yield from self.value(shape.members[name], item, _join(path, name))

    def value(self, shape: Shape, value: Value, path: str) -> Iterator[str]:
        match shape:
            case StructureShape():
                yield from self.structure(shape, value, path)
            case ListShape():
                yield from self._own(shape, value, path)
                yield from self._list(shape, value, path)
            case MapShape():
                yield from self._own(shape, value, path)
                yield from self._map(shape, value, path)
            case _:
                yield from self._own(shape, value, path)

    def _list(self, shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
        if _is_compound(shape.member):
            for index, item in enumerate(value, 1):
                yield from self._item(shape.member, item, f"{path}.{index}.member")
        elif any(item is None or self._broken(shape.member, item) for item in value):
            rules = ", ".join((*self._rules(shape.member), _NOT_NULL))
            yield _problem(shape, value, path, f"Member must satisfy constraint: [{rules}]")

    def _map(self, shape: MapShape, value: dict[str, Any], path: str) -> Iterator[str]:
        if any(self._broken(shape.key, key) for key in value):
            rules = ", ".join((*self._rules(shape.key), _NOT_NULL))
            yield _problem(shape, value, path, f"Map keys must satisfy constraint: [{rules}]")
        if _is_compound(shape.value):
            for key, item in value.items():
                yield from self._item(shape.value, item, f"{path}.{_clip(key)}.member")
        elif any(item is None or self._broken(shape.value, item) for item in value.values()):
            rules = ", ".join((*self._rules(shape.value), _NOT_NULL))
            yield _problem(shape, value, path, f"Map value must satisfy constraint: [{rules}]")

    def _item(self, shape: Shape, value: Value, path: str) -> Iterator[str]:
        if value is None:
            yield _problem(shape, None, path, _NOT_NULL)
        else:
            yield from self.value(shape, value, path)

    def _own(self, shape: Shape, value: Value, path: str) -> Iterator[str]:
        for rule in self._broken(shape, value):
            yield _problem(shape, value, path, rule)

    def _broken(self, shape: Shape, value: Value) -> list[str]:
        """Return the shape's own rules that a value breaks."""
        limits, broken = shape.metadata, []
        size = _size(shape, value)
        # Negated, so that NaN breaks both.
        if size is not None and "max" in limits and not size <= limits["max"]:
            broken.append(_upper(shape, limits["max"]))
        if size is not None and "min" in limits and not size >= limits["min"]:
            broken.append(_lower(shape, limits["min"]))
        if "pattern" in limits and not _matches(limits["pattern"], value):
            broken.append(_pattern(limits["pattern"]))
        if "enum" in limits and value not in self._values(shape):
            broken.append(_enum(self._values(shape)))
        return broken

    def _rules(self, shape: Shape) -> list[str]:
        """Return all rules of a shape in words."""
        limits, rules = shape.metadata, []
        if "max" in limits:
            rules.append(_upper(shape, limits["max"]))
        if "min" in limits:
            rules.append(_lower(shape, limits["min"]))
        if "pattern" in limits:
            rules.append(_pattern(limits["pattern"]))
        if "enum" in limits:
            rules.append(_enum(self._values(shape)))
        return rules

    def _values(self, shape: Shape) -> tuple[str, ...]:
        return (*shape.metadata["enum"], *_extra_values.get((self._service, shape.name), ()))


_NOT_NULL = "Member must not be null"


def _upper(shape: Shape, limit: float) -> str:
    return f"Member must have {_measure(shape)} less than or equal to {limit}"


def _lower(shape: Shape, limit: float) -> str:
    return f"Member must have {_measure(shape)} greater than or equal to {limit}"


def _pattern(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def _enum(values: tuple[str, ...]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _measure(shape: Shape) -> str:
    return "value" if _is_number(shape) else "length"


def _is_number(shape: Shape) -> bool:
    return shape.type_name in ("integer", "long", "float", "double")


def _is_compound(shape: Shape) -> bool:
    return isinstance(shape, (StructureShape, ListShape, MapShape))


def _size(shape: Shape, value: Value) -> float | None:
    """Return what ``min`` and ``max`` are about; None if nothing, or not known for a stream."""
    if _is_number(shape):
        number: float = value
        return number
    return len(value) if hasattr(value, "__len__") else None


def _matches(pattern: str, value: str) -> bool:
    if len(value) > _SHORT:
        return _looks_right(pattern, value)
    try:
        return _right(pattern, value)
    except _WrongError:
        return False


class _WrongError(Exception):
    """A value does not match: raised, so that only what matches is remembered."""


@lru_cache(_REMEMBERED)
def _right(pattern: str, value: str) -> bool:
    """Return True; clients send the same names, roles and media types time and again."""
    if not _looks_right(pattern, value):
        raise _WrongError
    return True


def _looks_right(pattern: str, value: str) -> bool:
    expression = compiled(pattern)
    if expression is None:
        return True
    try:
        return expression.fullmatch(value, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        logger.warning("A value took too long to match %s", pattern)
        return False


def _problem(shape: Shape, value: Value, path: str, rule: str) -> str:
    if value is None:
        what = "Value null"
    else:
        what = "Value" if shape.metadata.get("sensitive") else f"Value '{_clip(_java(value))}'"
    return f"{what} at '{path}' failed to satisfy constraint: {rule}"


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _clip(text: str) -> str:
    return text if len(text) <= MAX_VALUE_TEXT else text[:MAX_VALUE_TEXT] + "..."


def _java(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case datetime():
            return value.isoformat()
        case list():
            return f"[{', '.join(map(_java, islice(value, 100)))}]"
        case dict():
            pairs = (f"{_clip(str(k))}={_java(v)}" for k, v in islice(value.items(), 100))
            return f"{{{', '.join(pairs)}}}"
        case _:
            return _clip(str(value))
