"""Search expressions as conditions of the database: what it can say without a look at documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Float, and_, false, not_, or_, select, true

from ..columns import contains
from ..schema import resources, tags
from .expressions import ORDERED, Record
from .properties import TAGS, Property, parse

Columns = Mapping[str, ColumnElement[Any]]
"""Properties that are columns of a resource, which each has, by their names."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What every record that satisfies an expression satisfies.

    It is ``exact`` where every resource that satisfies it satisfies the expression too.
    """

    clause: ColumnElement[bool]
    exact: bool


_ANY = Condition(true(), exact=False)


def condition(expression: Record, columns: Columns, *, tagged: bool) -> Condition:
    """Return the condition for a checked expression; ``tagged`` are resources that have tags."""
    found = [
        *(_filter(each, columns, tagged=tagged) for each in expression.get("Filters", ())),
        *(_ANY for _ in expression.get("NestedFilters", ())),
        *(condition(each, columns, tagged=tagged) for each in expression.get("SubExpressions", ())),
    ]
    join = or_ if expression.get("Operator") == "Or" else and_
    clause = join(*(each.clause for each in found)) if found else true()
    return Condition(clause, all(each.exact for each in found))


def _filter(document: Record, columns: Columns, *, tagged: bool) -> Condition:
    name, way = document["Name"], document.get("Operator", "Equals")
    head, _, key = name.partition(".")
    if name in columns:
        return Condition(_holds(name, columns[name], way, document.get("Value", "")), exact=True)
    if head == TAGS and key and tagged:
        return Condition(_tagged(key, way, document.get("Value", "")), exact=True)
    return _ANY


def _holds(name: str, column: ColumnElement[Any], way: str, text: str) -> ColumnElement[bool]:
    """Return what a filter asks of the column of a property."""
    match way:
        case "Exists":
            return true()
        case "NotExists":
            return false()
        case "Contains":
            return contains(column, text)
        case "In":
            return column.in_([choice.strip() for choice in text.split(",")])
    is_time = isinstance(column.type, Float)
    value = parse(Property(name, "time"), text).timestamp() if is_time else text
    if way == "Equals":
        return column == value
    if way == "NotEquals":
        return column != value
    return cast("ColumnElement[bool]", ORDERED[way](column, value))


def _tagged(key: str, way: str, text: str) -> ColumnElement[bool]:
    """Return what a filter asks of the tag of that key, which a resource may not have."""
    owners = select(tags.c.arn).where(tags.c.key == key)
    match way:
        case "Exists" | "NotExists":
            pass
        case "NotEquals":
            owners = owners.where(tags.c.value == text)
        case _:
            owners = owners.where(_holds(key, tags.c.value, way, text))
    # By uids, which every index of resources has: their rows need not be read.
    tagged = resources.alias("tagged")
    own = resources.c.uid.in_(select(tagged.c.uid).where(tagged.c.arn.in_(owners)))
    return not_(own) if way in ("NotExists", "NotEquals") else own
