"""Properties of search records: what a dotted name means in a document and of which type it is.

Names are those of the members of ``SearchRecord``; the rest of a name after a map is its key, so
``HyperParameters.max.depth`` is the hyperparameter ``max.depth``. Lists stand for their elements.
``Tags.<key>`` and ``Metrics.<name>`` are names of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ...wire.errors import AWSError, validation_error

Type = Literal["text", "number", "time", "flag", "loose", "group"]
"""``loose`` is text that may be a number; a ``group`` has properties of its own."""

_TYPES: dict[str, Type] = {
    "string": "text",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "timestamp": "time",
    "boolean": "flag",
}
_NUMBERS = {"HyperParameters", "Parameters"}
"""Maps whose values are compared as numbers where both sides are some."""
TAGS, METRICS = "Tags", "Metrics"
_STATISTICS = {name.lower(): name for name in ("Last", "Max", "Min", "Avg", "StdDev", "Count")}


@dataclass(frozen=True, slots=True)
class Property:
    """A property that the records of a resource may have."""

    name: str
    type: Type

    @property
    def head(self) -> str:
        """The member of the record that it is in."""
        return self.name.partition(".")[0]

    def values(self, record: Mapping[str, Any]) -> list[Any]:
        """Return the values it has in a record: none, one, or those of a list's elements."""
        head, _, rest = self.name.partition(".")
        if head == TAGS and rest:
            return [tag["Value"] for tag in record.get(TAGS, ()) if tag["Key"] == rest]
        if head == METRICS and rest:
            return _metric(record, rest)
        return list(_leaves(record, self.name))


def property_of(shape: StructureShape, name: str, resource: str) -> Property:
    """Return the property ``name`` of records of ``shape``; refuse one that there is not.

    SageMaker's clients write ``metrics.`` and the statistic behind it in any case.
    """
    head, dot, rest = name.partition(".")
    if head.lower() == "metrics" and rest and _measured(shape):
        return Property(f"{METRICS}.{rest}", "number")
    if head == TAGS and rest and TAGS in shape.members:
        return Property(name, "text")
    found = _type(shape, name)
    if found is None:
        raise validation_error(f"{name} is not a valid property of {resource}.")
    return Property(name, "loose" if head in _NUMBERS and dot else found)


def _measured(shape: StructureShape) -> bool:
    return bool({METRICS, "FinalMetricDataList"} & shape.members.keys())


def _type(shape: Shape, name: str) -> Type | None:
    head, _, rest = name.partition(".")
    if not name and isinstance(shape, StructureShape):
        return "group"
    match shape:
        case ListShape():
            return _type(shape.member, name)
        case MapShape():
            return _type(shape.value, "") if name else "group"
        case StructureShape():
            member = shape.members.get(head)
            return None if member is None else _type(member, rest)
        case _:
            return None if name else _TYPES.get(shape.type_name)


def _leaves(value: Any, name: str) -> Iterator[Any]:  # noqa: ANN401 - a part of a document
    if isinstance(value, list | tuple):
        for element in value:
            yield from _leaves(element, name)
    elif not isinstance(value, Mapping):
        if not name and value is not None:
            yield value
    elif not name:
        yield from _whole(value)
    elif name in value:
        yield from _leaves(value[name], "")
    else:
        head, _, rest = name.partition(".")
        yield from _leaves(value.get(head), rest) if rest else ()


def _whole(value: Mapping[str, Any]) -> Iterator[Any]:
    """Yield a parameter's one value, of whichever type; else the group itself."""
    if len(value) == 1 and (only := next(iter(value))) in ("StringValue", "NumberValue"):
        yield value[only]
    elif value:
        yield value


def _metric(record: Mapping[str, Any], name: str) -> list[Any]:
    final = [m["Value"] for m in record.get("FinalMetricDataList", ()) if m["MetricName"] == name]
    metric, _, last = name.rpartition(".")
    statistic = _STATISTICS.get(last.lower())
    if final or statistic is None:
        return final
    summaries = [m for m in record.get(METRICS, ()) if m["MetricName"] == metric]
    return [summary[statistic] for summary in summaries if statistic in summary]


def parse(prop: Property, text: str) -> Any:  # noqa: ANN401 - of the property's type
    """Return the value of a filter as the type of its property; refuse what is none."""
    match prop.type:
        case "number":
            return _number(prop, text)
        case "time":
            return _time(prop, text)
        case "flag":
            if text.lower() not in ("true", "false"):
                raise _unfit(prop, text, "true or false")
            return text.lower() == "true"
        case _:
            return text


def _number(prop: Property, text: str) -> float:
    number = as_number(text)
    if number is None:
        raise _unfit(prop, text, "an integer or a decimal")
    return number


def _time(prop: Property, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _unfit(prop, text, "a time as YYYY-mm-dd'T'HH:MM:SS") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def as_number(text: str) -> float | None:
    """Return the number a text is, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def _unfit(prop: Property, text: str, wanted: str) -> AWSError:
    return validation_error(f"Value {text!r} of a filter on {prop.name} must be {wanted}.")
