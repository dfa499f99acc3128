"""Metrics of many resources side by side: their names, what tables show, curves, all points.

A curve is drawn from no more points than there are pixels. Each of its points stands for a stretch
of the series: it has step, time and value of the last, and the lowest and the highest value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, exists, func, literal, select, type_coerce

from .columns import Number
from .database import Database
from .schema import metric_points, metric_series

Axis = Literal["Step", "Time", "RelativeTime"]
"""What a window is measured in: steps, seconds since 1970, seconds since the first point."""

_CHUNK = 500
"""Values in one IN clause."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an axis that is looked at; ``None`` is as far as there are points."""

    axis: Axis = "Step"
    start: float | None = None
    end: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all there is."""
        return self.start is None and self.end is None


@dataclass(frozen=True, slots=True)
class Curve:
    """A series as it is drawn, columns of equal length.

    ``count`` is how many points the series has in all, ``origin`` when its first was.
    Without ``minima`` and ``maxima`` its points are all there are in the window.
    """

    arn: str
    count: int
    origin: float
    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    minima: list[float] = field(default_factory=list)
    maxima: list[float] = field(default_factory=list)


class Curves:
    """Reads the metrics of many resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self, prefix: str) -> list[str]:
        """Return the names of all metrics of resources whose ARNs begin so, sorted.

        It goes from one name to the next by the index: it costs what there are names, not series.
        """
        series = metric_series.c
        first = select(func.min(series.name).label("name")).cte("names", recursive=True)
        later = select(func.min(series.name)).where(series.name > first.c.name).scalar_subquery()
        names = first.union_all(select(later).where(first.c.name.is_not(None)))
        own = exists().where(series.name == names.c.name, *_begins(series.arn, prefix))
        with self._database.read() as connection:
            return sorted(connection.scalars(select(names.c.name).where(own)))

    def names_of(self, arns: Iterable[str]) -> list[str]:
        """Return the names of the metrics of some resources, sorted."""
        found: set[str] = set()
        with self._database.read() as connection:
            for chunk in _chunks(arns):
                query = select(metric_series.c.name).where(metric_series.c.arn.in_(chunk))
                found.update(connection.scalars(query.distinct()))
        return sorted(found)

    def summaries(self, name: str, prefix: str) -> dict[str, tuple[float, float, float]]:
        """Return the last, lowest and highest value of a metric by ARN.

        Their cost does not depend on how many points there are.
        """
        series = metric_series.c
        query = select(series.arn, series.last, series.minimum, series.maximum).where(
            series.name == name, *_begins(series.arn, prefix)
        )
        with self._database.read() as connection:
            return {arn: (last, low, high) for arn, last, low, high in connection.execute(query)}

    def curves(self, arns: Iterable[str], name: str, window: Window, most: int) -> Iterator[Curve]:
        """Yield the curves of a metric of some resources, each of at most ``most`` points.

        Where a window is given, the points next to it are there too, so that lines leave it.
        """
        with self._database.read() as connection:
            for chunk in _chunks(arns):
                found = connection.execute(
                    select(metric_series).where(
                        metric_series.c.name == name, metric_series.c.arn.in_(chunk)
                    )
                )
                for series in found.all():
                    origin = _origin(connection, series)
                    first, last = _numbers(connection, series, window, origin)
                    yield _curve(connection, series, origin, (first, last), most)

    def page(
        self, arn: str, names: Sequence[str] | None, after: tuple[str, int], most: int
    ) -> Iterator[tuple[str, int, Curve]]:
        """Yield all points of a resource in the order of names, up to ``most`` of them.

        ``after`` are name and number of the last point that was read before. Each curve comes with
        its name and the number of its last point.
        """
        name, number = after
        query = select(metric_series).where(
            metric_series.c.arn == arn, metric_series.c.name >= name
        )
        if names is not None:
            query = query.where(metric_series.c.name.in_(names))
        with self._database.read() as connection:
            for series in connection.execute(query.order_by(metric_series.c.name)).all():
                first = number + 1 if series.name == name else 1
                last = min(series.points, first + most - 1)
                if first > series.points:
                    continue
                curve = _raw(connection, series, _origin(connection, series), (first, last))
                yield series.name, last, curve
                most -= last - first + 1
                if most <= 0:
                    return


def _origin(connection: Connection, series: Row[Any]) -> float:
    points = metric_points.c
    query = select(points.time).where(points.series == series.id, points.number == 1)
    return connection.scalar(query) or 0.0


def _numbers(
    connection: Connection, series: Row[Any], window: Window, origin: float
) -> tuple[int, int]:
    """Return the numbers of the first and last point in a window, and of their neighbours."""
    if window.whole:
        return 1, series.points
    points = metric_points.c
    place: ColumnElement[Any] = points.time
    if window.axis == "Step":
        place = _step()
    if window.axis != "RelativeTime":
        origin = 0.0
    query = select(func.min(points.number), func.max(points.number)).where(
        points.series == series.id,
        *(() if window.start is None else (place >= window.start + origin,)),
        *(() if window.end is None else (place <= window.end + origin,)),
    )
    first, last = connection.execute(query).one()
    if first is None:
        before = _before(connection, series, place, window.start, origin)
        return max(1, before), min(series.points, before + 1)
    return max(1, first - 1), min(series.points, last + 1)


def _before(
    connection: Connection,
    series: Row[Any],
    place: ColumnElement[Any],
    start: float | None,
    origin: float,
) -> int:
    """Return the number of the last point before a window in which there is none."""
    points = metric_points.c
    query = select(func.max(points.number)).where(points.series == series.id)
    if start is None:
        return 0
    return connection.scalar(query.where(place < start + origin)) or 0


def _curve(
    connection: Connection, series: Row[Any], origin: float, span: tuple[int, int], most: int
) -> Curve:
    first, last = span
    count = last - first + 1
    if count <= most:
        return _raw(connection, series, origin, span)
    points = metric_points.c
    width = -(-count // most)
    stretch = (points.number - first) // literal(width, Number)
    buckets = (
        select(
            func.min(points.value).label("low"),
            func.max(points.value).label("high"),
            func.max(points.number).label("number"),
        )
        .where(points.series == series.id, points.number.between(first, last))
        .group_by(stretch)
        .subquery()
    )
    query = (
        select(_step(), points.time, points.value, buckets.c.low, buckets.c.high)
        .join(buckets, points.number == buckets.c.number)
        .where(points.series == series.id)
        .order_by(points.number)
    )
    rows = connection.execute(query).all()
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Curve(series.arn, series.points, origin, *columns)


def _raw(connection: Connection, series: Row[Any], origin: float, span: tuple[int, int]) -> Curve:
    points = metric_points.c
    query = (
        select(_step(), points.time, points.value)
        .where(points.series == series.id, points.number.between(*span))
        .order_by(points.number)
    )
    rows = connection.execute(query).all()
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Curve(series.arn, series.points, origin, *columns)


def _step() -> ColumnElement[int]:
    """Return the step of a point; where it is not known, how many there were before."""
    points = metric_points.c
    return type_coerce(func.coalesce(points.step, points.number - 1), Number)


def _begins(column: ColumnElement[str], prefix: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a column begins so, as a range that an index answers."""
    return column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    whole = list(values)
    for start in range(0, len(whole), _CHUNK):
        yield whole[start : start + _CHUNK]
