"""Let metrics grow coarser with age, and end.

As in CloudWatch, seconds become minutes after 3 hours, minutes 5 minutes after 15 days, those
hours after 63 days, and hours end after ``Settings.metric_days`` (455 days by default).
"""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from ...core.cloudwatch import add, from_row
from ...core.controllers import controller
from ...core.samples import merged
from ...core.schema import cloudwatch_metrics as metrics
from ...core.schema import cloudwatch_points as points
from ...core.studio import Studio

log = logging.getLogger(__name__)

HOUR, DAY = 3600.0, 86_400.0
LEVELS = ((1, 3 * HOUR, 60), (60, 15 * DAY, 300), (300, 63 * DAY, 3600))
"""Resolution in seconds, the age in seconds at which it ends, and the resolution it becomes."""

STEP = 500
"""Points of one transaction: others wait for no longer than it takes."""

BETWEEN, IDLE = 0.2, 300.0
"""Seconds from one step to the next, and until something may have become old again."""


@controller("MetricRetention", single=True)
class RetentionController:
    """Takes one small step at a time for as long as the studio runs."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def reconcile(self, uid: str) -> float | None:
        """Take a step, and say when the next is due."""
        return BETWEEN if age(self._studio, time.time()) else IDLE


def age(studio: Studio, now: float) -> bool:
    """Make some of what is old coarser, or drop it; say whether there was anything."""
    limit = studio.settings.metric_days * DAY
    return (
        any(_coarsen(studio, now - min(age, limit), *levels) for age, levels in _levels())
        or _drop(studio, now - limit)
        or _forget(studio, now - limit)
    )


def _levels() -> list[tuple[float, tuple[int, int]]]:
    return [(age, (fine, coarse)) for fine, age, coarse in LEVELS]


def _coarsen(studio: Studio, before: float, fine: int, coarse: int) -> bool:
    """Merge the oldest points of a resolution into points of a coarser one."""
    with studio.database.write() as connection:
        query = (
            select(points)
            # Whole stretches only: what is still to come would be merged with what was.
            .where(points.c.resolution == fine, points.c.time < before // coarse * coarse)
            .order_by(points.c.time)
            .limit(STEP)
        )
        rows = connection.execute(query).all()
        together: dict[tuple[int, float, str], list[Row[tuple[object, ...]]]] = {}
        for row in rows:
            together.setdefault((row.metric, row.time // coarse * coarse, row.unit), []).append(row)
        coarser = [
            (metric, merged((from_row(row._mapping) for row in group), start, coarse))
            for (metric, start, _), group in together.items()
        ]
        if coarser:
            add(connection, coarser)
            _delete(connection, [(row.metric, row.time, fine, row.unit) for row in rows])
        return bool(rows)


def _drop(studio: Studio, before: float) -> bool:
    """Delete some points that are older than any is kept."""
    keys = (points.c.metric, points.c.time, points.c.resolution, points.c.unit)
    with studio.database.write() as connection:
        query = select(*keys).where(points.c.resolution == LEVELS[-1][2], points.c.time < before)
        rows = connection.execute(query.limit(STEP)).all()
        _delete(connection, [tuple(row) for row in rows])
        return bool(rows)


def _forget(studio: Studio, before: float) -> bool:
    """Delete some metrics that have had no point for longer than any is kept."""
    with studio.database.write() as connection:
        old = select(metrics.c.id).where(metrics.c.last < before).limit(STEP)
        rows = list(connection.scalars(old))
        connection.execute(delete(metrics).where(metrics.c.id.in_(rows)))
        return bool(rows)


def _delete(connection: Connection, keys: list[tuple[Any, ...]]) -> None:
    """Delete points by metric, time, resolution and unit."""
    if not keys:
        return
    names = ("metric", "time", "resolution", "unit")
    matching = (points.c[name] == bindparam(f"the_{name}") for name in names)
    connection.execute(
        delete(points).where(*matching),
        [{f"the_{name}": value for name, value in zip(names, key, strict=True)} for key in keys],
    )
