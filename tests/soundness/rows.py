"""The rows of a studio's database, read without its help."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Engine, create_engine, select

from jupyter_mlstudio.core import kinds
from jupyter_mlstudio.core.metrics import Point
from jupyter_mlstudio.core.postgres import parse
from jupyter_mlstudio.core.schema import (
    log_cursors,
    metric_points,
    metric_series,
    resources,
    transitions,
)
from jupyter_mlstudio.core.settings import SQLITE, Settings
from jupyter_mlstudio.core.store import Resource, Transition, from_row
from jupyter_mlstudio.studio import capabilities

JOBS = {"TrainingJob": "Training", "ProcessingJob": "Processing"}
"""Kinds of jobs, and how each calls the step in which its containers run."""


@dataclass
class Rows:
    """Everything at one moment, by uid; ``points`` by ARN, ``cursors`` by uid and stream."""

    resources: dict[str, Resource] = field(default_factory=dict)
    history: dict[str, list[Transition]] = field(default_factory=dict)
    points: dict[str, list[Point]] = field(default_factory=dict)
    cursors: dict[tuple[str, str], int] = field(default_factory=dict)

    @cached_property
    def live(self) -> dict[str, Resource]:
        """What may still have containers, folders and keys."""
        return {
            uid: resource
            for uid, resource in self.resources.items()
            if resource.status not in (kinds.kind(resource.kind).final or ())
        }

    def of(self, *names: str) -> list[Resource]:
        """Return the resources of some kinds."""
        return [resource for resource in self.resources.values() if resource.kind in names]


def read_rows(settings: Settings) -> Rows:
    """Read the database that the settings name."""
    capabilities.load()
    engine = _engine(settings)
    rows = Rows()
    try:
        with engine.connect() as connection, connection.begin():
            for row in connection.execute(select(resources)).mappings():
                rows.resources[row["uid"]] = from_row(row)
            query = select(transitions).order_by(transitions.c.uid, transitions.c.number)
            for step in connection.execute(query):
                made = Transition(step.status, step.message, step.started, step.ended)
                rows.history.setdefault(step.uid, []).append(made)
            points = select(metric_series.c.arn, metric_series.c.name, metric_points).join(
                metric_points, metric_points.c.series == metric_series.c.id
            )
            for entry in connection.execute(points):
                point = Point(entry.name, entry.value, entry.time, entry.step)
                rows.points.setdefault(entry.arn, []).append(point)
            for cursor in connection.execute(select(log_cursors)):
                rows.cursors[(cursor.uid, cursor.stream)] = cursor.position
    finally:
        engine.dispose()
    return rows


def _engine(settings: Settings) -> Engine:
    if settings.database != SQLITE:
        return create_engine(parse(settings.database))
    # Who may write would take over what a killed studio left in its log, and remove that.
    place = f"{settings.database_file.as_uri()}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True))
