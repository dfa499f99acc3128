"""Metric points: series per resource ARN and name, in the order they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from .._failpoints import reached
from .database import Database
from .schema import log_cursors, metric_points, metric_series


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric. ``time`` is seconds since the epoch; ``step`` may be unknown."""

    name: str
    value: float
    time: float
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one resource, columns of equal length, in the order written."""

    name: str
    steps: list[int | None]
    times: list[float]
    values: list[float]


class MetricStore:
    """Metric points on the studio's database. What ``append`` returned from is on disk."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def append(self, arn: str, points: Sequence[Point]) -> None:
        """Add points to the series of a resource."""
        with self.database.write() as connection:
            _append(connection, arn, points)

    def append_from_log(
        self, uid: str, arn: str, stream: str, points: Sequence[Point], position: int
    ) -> None:
        """Add points read from a log up to ``position``, and remember it: each counts once."""
        with self.database.write() as connection:
            _append(connection, arn, points)
            advance(connection, uid, stream, position)
        reached("metrics.appended")

    def forget(self, arn: str) -> None:
        """Drop all series of a resource, so that the next of its name starts with none."""
        with self.database.write() as connection:
            connection.execute(delete(metric_series).where(metric_series.c.arn == arn))

    def log_position(self, uid: str, stream: str) -> int:
        """Return up to where a log has been read for points."""
        query = select(log_cursors.c.position).where(
            log_cursors.c.uid == uid, log_cursors.c.stream == stream
        )
        with self.database.read() as connection:
            return connection.scalar(query) or 0

    def names(self, arn: str) -> list[str]:
        """Return the metric names of a resource, sorted."""
        query = select(metric_series.c.name).where(metric_series.c.arn == arn)
        with self.database.read() as connection:
            return sorted(connection.scalars(query))

    def last(self, arn: str) -> list[Point]:
        """Return the newest point of every metric of a resource, by name."""
        return self._newest(metric_series.c.arn == arn).get(arn, [])

    def finals(self, names: Iterable[str]) -> dict[str, list[Point]]:
        """Return the newest points of the metrics of these names, by the resource's ARN."""
        return self._newest(metric_series.c.name.in_(list(names)))

    def _newest(self, wanted: ColumnElement[bool]) -> dict[str, list[Point]]:
        points, series = metric_points.c, metric_series.c
        # For each series one look into the index, however many points it has.
        newest = select(func.max(points.number)).where(points.series == series.id)
        query = (
            select(series.arn, series.name, metric_points)
            .join(
                metric_points,
                (points.series == series.id)
                & (points.number == newest.correlate(metric_series).scalar_subquery()),
            )
            .where(wanted)
            .order_by(series.name)
        )
        found: dict[str, list[Point]] = {}
        with self.database.read() as connection:
            for row in connection.execute(query):
                point = Point(row.name, row.value, row.time, row.step)
                found.setdefault(row.arn, []).append(point)
        return found

    def points(self, arn: str, name: str, start: float, end: float) -> list[tuple[float, float]]:
        """Return time and value of the points from ``start`` to before ``end``, as written."""
        query = (
            select(metric_points.c.time, metric_points.c.value)
            .join(metric_series, metric_points.c.series == metric_series.c.id)
            .where(
                metric_series.c.arn == arn,
                metric_series.c.name == name,
                metric_points.c.time >= start,
                metric_points.c.time < end,
            )
            .order_by(metric_points.c.number)
        )
        with self.database.read() as connection:
            return [(row.time, row.value) for row in connection.execute(query)]

    def series(self, arn: str, names: Iterable[str] | None = None) -> list[Series]:
        """Return whole series of a resource, all when ``names`` is None, by name."""
        query = (
            select(metric_series.c.name, metric_points)
            .join(metric_points, metric_points.c.series == metric_series.c.id)
            .where(metric_series.c.arn == arn)
            .order_by(metric_series.c.name, metric_points.c.number)
        )
        if names is not None:
            query = query.where(metric_series.c.name.in_(list(names)))
        found: dict[str, Series] = {}
        with self.database.read() as connection:
            for row in connection.execute(query):
                series = found.setdefault(row.name, Series(row.name, [], [], []))
                series.steps.append(row.step)
                series.times.append(row.time)
                series.values.append(row.value)
        return list(found.values())


def advance(connection: Connection, uid: str, stream: str, position: int) -> None:
    """Remember up to where a resource's log has been read for points."""
    where = (log_cursors.c.uid == uid, log_cursors.c.stream == stream)
    changed = connection.execute(update(log_cursors).where(*where).values(position=position))
    if not changed.rowcount:
        connection.execute(insert(log_cursors).values(uid=uid, stream=stream, position=position))


def _append(connection: Connection, arn: str, points: Sequence[Point]) -> None:
    by_name: dict[str, list[Point]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    for name, group in by_name.items():
        series, count = _grow(connection, arn, name, [point.value for point in group])
        connection.execute(
            insert(metric_points),
            [
                {
                    "series": series,
                    "number": number,
                    "step": point.step,
                    "time": point.time,
                    "value": point.value,
                }
                for number, point in enumerate(group, count + 1)
            ],
        )


def _grow(connection: Connection, arn: str, name: str, values: Sequence[float]) -> tuple[int, int]:
    """Count values in with what a series says of itself; return its id and its count before."""
    series = metric_series.c
    query = select(metric_series).where(series.arn == arn, series.name == name)
    found = connection.execute(query).first()
    if found is None:
        made = insert(metric_series).values(
            arn=arn,
            name=name,
            points=len(values),
            last=values[-1],
            minimum=min(values),
            maximum=max(values),
        )
        return int(connection.execute(made.returning(series.id)).scalar_one()), 0
    change = {
        "points": found.points + len(values),
        "last": values[-1],
        "minimum": min(found.minimum, *values),
        "maximum": max(found.maximum, *values),
    }
    connection.execute(update(metric_series).where(series.id == found.id).values(change))
    return int(found.id), int(found.points)
