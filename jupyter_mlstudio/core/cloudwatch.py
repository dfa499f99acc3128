"""CloudWatch's metrics: a store of the studio's own, and sources that show what is kept elsewhere.

A *source* is where metrics of a namespace come from. What users send, what containers use and what
endpoints are asked lies in :class:`MetricTables`. A capability that keeps points of its own, as
training jobs do, registers a source, and its metrics are read where they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, case, select

from .columns import storable
from .database import Database, upsert
from .samples import Metric, Sample, merged
from .schema import cloudwatch_metrics as metrics
from .schema import cloudwatch_points as points

if TYPE_CHECKING:
    from .studio import Studio

Entry = tuple[Metric, Sample]
_Key = tuple[int, float, int, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which metrics a listing asks for; None is any, ``dimensions`` (value None: any) all occur.

    ``since``: those with a point at that time (seconds since the epoch) or later.
    """

    account: str
    region: str
    since: float
    namespace: str | None = None
    name: str | None = None
    dimensions: tuple[tuple[str, str | None], ...] = ()

    def matches(self, found: Sequence[tuple[str, str]]) -> bool:
        """Say whether dimensions are among those asked for."""
        held = dict(found)
        return all(name in held and value in (None, held[name]) for name, value in self.dimensions)


class Source(Protocol):
    """Where metrics come from."""

    def metrics(self, wanted: Wanted) -> Iterable[Metric]:
        """Return the metrics asked for, each once, in any order."""

    def samples(self, metric: Metric, start: float, end: float) -> Iterable[Sample]:
        """Return the samples of a metric from ``start`` to before ``end``, in any order."""


_SOURCES: list[Callable[[Studio], Source]] = []


def metric_source(made: type) -> type:
    """Register the decorated class as a source; it is made with the studio."""
    _SOURCES.append(made)
    return made


class CloudWatch:
    """Every source as one."""

    def __init__(self, studio: Studio) -> None:
        self.tables = MetricTables(studio.database)
        self._sources: list[Source] = [self.tables, *(made(studio) for made in _SOURCES)]

    def metrics(self, wanted: Wanted) -> list[Metric]:
        """Return the metrics asked for, in an order that stays."""
        found = {metric for source in self._sources for metric in source.metrics(wanted)}
        return sorted(found, key=lambda each: (each.namespace, each.name, each.dimensions))

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return the samples of a metric from ``start`` to before ``end``, in any order."""
        return [sample for source in self._sources for sample in source.samples(metric, start, end)]


class MetricTables:
    """Metrics on the studio's database. What ``put`` returned from is on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, entries: Iterable[Entry]) -> None:
        """Add samples; those of the same metric, time, resolution and unit become one."""
        with self._database.write() as connection:
            self.put_with(connection, entries)

    def put_with(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """Add samples as part of a transaction."""
        found = list(entries)
        if found:
            numbers = _metric_numbers(connection, found)
            add(connection, [(numbers[metric], sample) for metric, sample in found])

    def metrics(self, wanted: Wanted) -> Iterator[Metric]:
        """Yield the metrics asked for."""
        query = select(metrics).where(
            metrics.c.account == wanted.account,
            metrics.c.region == wanted.region,
            metrics.c.last >= wanted.since,
        )
        if wanted.namespace is not None:
            query = query.where(metrics.c.namespace == wanted.namespace)
        if wanted.name is not None:
            query = query.where(metrics.c.name == wanted.name)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            dimensions = tuple((name, value) for name, value in json.loads(row.dimensions))
            if wanted.matches(dimensions):
                yield Metric(row.account, row.region, row.namespace, row.name, dimensions)

    def samples(self, metric: Metric, start: float, end: float) -> list[Sample]:
        """Return the samples of a metric from ``start`` to before ``end``, by time."""
        query = (
            select(points)
            .join(metrics, metrics.c.id == points.c.metric)
            .where(*_is(metric), points.c.time >= start, points.c.time < end)
            .order_by(points.c.time)
        )
        with self._database.read() as connection:
            return [from_row(row) for row in connection.execute(query).mappings()]


def add(connection: Connection, entries: Sequence[tuple[int, Sample]]) -> None:
    """Add samples to what there is of their metrics at their time, resolution and unit."""
    groups: dict[_Key, list[Sample]] = {}
    for metric, sample in entries:
        key = (metric, sample.time, sample.resolution, sample.unit)
        groups.setdefault(key, []).append(sample)
    # More than these, but not many: what is written at once is of few times.
    query = select(points).where(
        points.c.metric.in_({key[0] for key in groups}),
        points.c.time.in_({key[1] for key in groups}),
    )
    for row in connection.execute(query).mappings():
        key = (row["metric"], row["time"], row["resolution"], row["unit"])
        if key in groups:
            groups[key].append(from_row(row))
    keys = [column.name for column in points.primary_key]
    statement = upsert(connection, points)
    changed = {c.name: statement.excluded[c.name] for c in points.c if c.name not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed),
        [
            {"metric": key[0], **_columns(merged(group, key[1], key[2]))}
            for key, group in groups.items()
        ],
    )


def from_row(row: Mapping[Any, Any]) -> Sample:
    """Return the sample of a row."""
    values = row["values"]
    return Sample(
        row["time"],
        row["count"],
        row["total"],
        row["minimum"],
        row["maximum"],
        row["resolution"],
        row["unit"],
        None if values is None else dict(json.loads(values)),
    )


def _columns(sample: Sample) -> dict[str, Any]:
    values = sample.values
    return {
        "time": sample.time,
        "count": sample.count,
        "total": sample.total,
        "minimum": sample.minimum,
        "maximum": sample.maximum,
        "resolution": sample.resolution,
        "unit": sample.unit,
        "values": None if values is None else json.dumps(sorted(values.items())),
    }


def _metric_numbers(connection: Connection, entries: Sequence[Entry]) -> dict[Metric, int]:
    """Return the numbers of metrics, giving new ones theirs, and note their newest points."""
    last: dict[Metric, float] = {}
    for metric, sample in entries:
        last[metric] = max(sample.time, last.get(metric, 0.0))
    statement = upsert(connection, metrics)
    new = statement.excluded.last
    later = case((new > metrics.c.last, new), else_=metrics.c.last)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "region", "namespace", "name", "digest"],
            set_={"last": later},
        ),
        [
            {
                "account": metric.account,
                "region": metric.region,
                "namespace": metric.namespace,
                "name": metric.name,
                "dimensions": _written(metric),
                "digest": _digest(metric),
                "last": time,
            }
            for metric, time in last.items()
        ],
    )
    query = select(metrics).where(
        metrics.c.namespace.in_({metric.namespace for metric in last}),
        metrics.c.name.in_({metric.name for metric in last}),
        metrics.c.digest.in_({_digest(metric) for metric in last}),
    )
    rows = connection.execute(query).all()
    places: dict[tuple[str, ...], int] = {
        (r.account, r.region, r.namespace, r.name, r.digest): int(r.id) for r in rows
    }
    return {each: places[_place(each)] for each in last}


def _place(metric: Metric) -> tuple[str, ...]:
    names = storable(metric.namespace), storable(metric.name)
    return (metric.account, metric.region, *names, _digest(metric))


def _is(metric: Metric) -> tuple[Any, ...]:
    return (
        metrics.c.account == metric.account,
        metrics.c.region == metric.region,
        metrics.c.namespace == metric.namespace,
        metrics.c.name == metric.name,
        metrics.c.digest == _digest(metric),
    )


def _digest(metric: Metric) -> str:
    """Return what stands for the dimensions in the index, which has no room for all of them."""
    return hashlib.sha256(_written(metric).encode()).hexdigest()


def _written(metric: Metric) -> str:
    return json.dumps(metric.dimensions, separators=(",", ":"))
