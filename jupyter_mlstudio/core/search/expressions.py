"""Search expressions: whether a record satisfies one.

The rules are those of the documentation of ``Filter``, ``NestedFilters`` and ``SearchExpression``
in the API reference of SageMaker.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.model import StructureShape

from ...wire.errors import validation_error
from .properties import Property, as_number, parse, property_of

Record = Mapping[str, Any]
Test = Callable[[Record], bool]

MOST_ELEMENTS = 50
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_OF_TEXT = ("Contains", "In")
_MANY_CONTAINS = {
    "DisplayName",
    "ExperimentName",
    "InputArtifacts",
    "OutputArtifacts",
    "Tags",
    "TrialComponentName",
    "TrialName",
}
"""Properties on which there may be several filters with Contains."""


class Expression:
    """A search expression of one resource, read and checked.

    ``properties`` are those it looks at.
    """

    def __init__(self, shape: StructureShape, resource: str, document: Record | None) -> None:
        self._shape = shape
        self._resource = resource
        self.properties: list[Property] = []
        filters = list(_filters(document or {}))
        _check_size(document, filters)
        self._test: Test = self._read(document) if document else (lambda _: True)

    def __call__(self, record: Record) -> bool:
        """Say whether a record satisfies it."""
        return self._test(record)

    def _read(self, document: Record) -> Test:
        tests = [
            *map(self._filter, document.get("Filters", ())),
            *map(self._nested, document.get("NestedFilters", ())),
            *map(self._read, document.get("SubExpressions", ())),
        ]
        decide = any if document.get("Operator") == "Or" else all
        return lambda record: decide(test(record) for test in tests)

    def _filter(self, document: Record) -> Test:
        prop = self._property(document["Name"])
        holds = _comparison(prop, document)
        return lambda record: holds(prop.values(record))

    def _nested(self, document: Record) -> Test:
        """One element of a list must satisfy all filters."""
        path = document["NestedPropertyName"]
        outer = self._property(path)
        inner = []
        for each in document["Filters"]:
            prop = self._property(each["Name"])
            if not prop.name.startswith(f"{path}."):
                raise validation_error(f"{each['Name']} is not a property of {path}.")
            inner.append((Property(prop.name[len(path) + 1 :], prop.type), _comparison(prop, each)))
        return lambda record: any(
            all(holds(prop.values(element)) for prop, holds in inner)
            for element in outer.values(record)
            if isinstance(element, Mapping)
        )

    def _property(self, name: str) -> Property:
        prop = property_of(self._shape, name, self._resource)
        self.properties.append(prop)
        return prop


def _filters(expression: Record) -> Iterator[Record]:
    yield from expression.get("Filters", ())
    for nested in expression.get("NestedFilters", ()):
        yield from nested["Filters"]
    for inner in expression.get("SubExpressions", ()):
        yield from _filters(inner)


def _check_size(document: Record | None, filters: list[Record]) -> None:
    if document is not None and not all(_full(each) for each in _expressions(document)):
        raise validation_error(
            "A SearchExpression needs at least one of Filters, NestedFilters and SubExpressions."
        )
    if len(filters) + len(list(_expressions(document or {}))) > MOST_ELEMENTS:
        raise validation_error(
            f"A SearchExpression can have at most {MOST_ELEMENTS} filters and subexpressions."
        )
    contains = [each["Name"] for each in filters if each.get("Operator") == "Contains"]
    if len([name for name in contains if name.partition(".")[0] not in _MANY_CONTAINS]) > 1:
        raise validation_error("'CONTAINS' operator usage limit of 1 exceeded.")


def _expressions(document: Record) -> Iterator[Record]:
    yield document
    for inner in document.get("SubExpressions", ()):
        yield from _expressions(inner)


def _full(expression: Record) -> bool:
    return any(expression.get(m) for m in ("Filters", "NestedFilters", "SubExpressions"))


def _comparison(prop: Property, document: Record) -> Callable[[list[Any]], bool]:
    """Return what a filter asks of the values of its property."""
    way, text = document.get("Operator", "Equals"), document.get("Value")
    if way in ("Exists", "NotExists"):
        if text is not None:
            raise validation_error(f"A filter with the operator {way} must not have a Value.")
        return bool if way == "Exists" else operator.not_
    if text is None:
        raise validation_error(f"A filter on {prop.name} with the operator {way} needs a Value.")
    if way == "NotEquals":
        equal = _equal(prop, text)
        return lambda values: not any(map(equal, values))
    test = _test(prop, way, text)
    return lambda values: any(map(test, values))


def _test(prop: Property, way: str, text: str) -> Callable[[Any], bool]:
    if way == "Equals":
        return _equal(prop, text)
    if way in _OF_TEXT:
        if prop.type not in ("text", "loose"):
            raise validation_error(f"The operator {way} is only supported for text properties.")
        if way == "Contains":
            return lambda value: text in str(value)
        choices = [choice.strip() for choice in text.split(",")]
        return lambda value: str(value) in choices
    if prop.type in ("text", "group"):
        raise validation_error(f"The operator {way} is not supported for text properties.")
    if prop.type == "flag":
        raise validation_error(f"The operator {way} is not supported for {prop.name}.")
    compare = ORDERED[way]
    if prop.type == "loose":
        return _loosely(compare, text)
    wanted = parse(prop, text)
    return lambda value: compare(value, wanted)


def _equal(prop: Property, text: str) -> Callable[[Any], bool]:
    if prop.type == "loose":
        return _loosely(operator.eq, text)
    wanted = parse(prop, text)
    return lambda value: bool(value == wanted)


def _loosely(compare: Callable[[Any, Any], bool], text: str) -> Callable[[Any], bool]:
    """Compare as numbers what are numbers: as integers, where ``text`` is one."""
    wanted = as_number(text)
    if wanted is None:
        return lambda value: compare is operator.eq and str(value) == text
    whole = text.lstrip("+-").isdecimal()

    def test(value: Any) -> bool:  # noqa: ANN401 - a hyperparameter or a parameter
        number = as_number(str(value))
        if number is None or number != number:
            return False
        return compare(number // 1 if whole and abs(number) < float("inf") else number, wanted)

    return test
