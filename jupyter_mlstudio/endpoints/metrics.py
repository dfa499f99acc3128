"""Invocation metrics: from the gateway's spool into the studio's metric store.

Under the ARN of an endpoint stands one point a minute, at the minute's start, for each of

- ``Invocations``, ``Invocation4XXErrors``, ``Invocation5XXErrors``, ``InvocationModelErrors``:
  sums of the minute;
- ``ModelLatency``, ``OverheadLatency``: means of the minute in microseconds, and beside them
  ``ModelLatency.p50``, ``.p90`` and ``.p99``: nearest-rank percentiles of the single requests, to
  two significant digits. A minute in which no container was reached has none of them.

An endpoint with several variants has all of these once more for each, as
``<variant>/<metric>``. The names and their meanings are CloudWatch's.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from ..core.controllers import controller
from ..core.metrics import Point
from ..core.schema import log_cursors
from ..core.studio import Studio
from .gateway.metrics import minute_of, spool_folder
from .kinds import ENDPOINT
from .routes import Key

log = logging.getLogger(__name__)

DRAIN_SECONDS = 15.0
GRACE = 30.0
"""Seconds after its minute until a file is taken: a flush that began in the minute has ended."""

COUNTS = (
    "Invocations",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "InvocationModelErrors",
)
LATENCIES = ("ModelLatency", "OverheadLatency")
PERCENTILES = (50, 90, 99)
_STREAM = "invocations/"

Line = dict[str, Any]
"""A line of the spool, see :class:`.gateway.metrics.Metrics`."""


@controller("InvocationMetrics", single=True)
class SpoolController:
    """Drains the spool for as long as the studio runs."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def reconcile(self, uid: str) -> float | None:
        """Take what is complete, and look again."""
        drain(self._studio, time.time())
        return DRAIN_SECONDS


@dataclass(slots=True)
class Minute:
    """What was counted in one minute; latencies by value in microseconds."""

    counts: Counter[str] = field(default_factory=Counter)
    latencies: dict[str, Counter[int]] = field(
        default_factory=lambda: {name: Counter() for name in LATENCIES}
    )

    def add(self, line: Line) -> None:
        """Add a line of the spool."""
        self.counts.update({name: line.get(name, 0) for name in COUNTS})
        for name, latencies in self.latencies.items():
            latencies.update(dict(line[name]))

    def points(self, start: float, prefix: str = "") -> Iterator[Point]:
        """Yield the points of the minute."""
        for name in COUNTS:
            yield Point(prefix + name, float(self.counts[name]), start)
        for name, latencies in self.latencies.items():
            if not latencies:
                continue
            mean = sum(value * count for value, count in latencies.items()) / latencies.total()
            yield Point(prefix + name, mean, start)
            for share in PERCENTILES:
                value = percentile(latencies, share)
                yield Point(f"{prefix}{name}.p{share}", float(value), start)


def percentile(counted: Counter[int], share: int) -> int:
    """Return the smallest value that ``share`` percent of all counted values do not exceed."""
    rank = ceil(counted.total() * share / 100)
    for value, count in sorted(counted.items()):
        rank -= count
        if rank <= 0:
            return value
    raise ValueError("nothing was counted")


def drain(studio: Studio, now: float) -> None:
    """Store the points of every complete file of the spool once, and delete it.

    A crash on the way repeats nothing: the points of an endpoint are stored together with a note
    of the file they are from, which is kept for as long as the file is there.
    """
    folder = spool_folder(studio.settings.routes)
    taken = [path for path in sorted(folder.glob("*.jsonl")) if _complete(path, now)]
    for path in taken:
        _store(studio, path)
        path.unlink(missing_ok=True)
    if taken:
        _forget(studio, folder)


def _complete(path: Path, now: float) -> bool:
    try:
        return now >= minute_of(path) + 60 + GRACE
    except ValueError:
        log.warning("%s is no file of the gateway's", path)
        return False


def _store(studio: Studio, path: Path) -> None:
    start = minute_of(path)
    stream = _STREAM + path.name
    for (account, region, name), variants in _read(path).items():
        endpoint = studio.store.find(ENDPOINT, account, region, name)
        if endpoint is None or studio.metrics.log_position(endpoint.uid, stream):
            continue
        points = list(_points(_since(variants, endpoint.created), start))
        studio.metrics.append_from_log(endpoint.uid, endpoint.arn, stream, points, 1)


def _since(variants: dict[str, list[Line]], created: float) -> dict[str, list[Line]]:
    """Return what was counted for this endpoint, and not for an earlier one of its name."""
    return {
        variant: kept
        for variant, lines in variants.items()
        if (kept := [line for line in lines if line["time"] >= created])
    }


def _points(variants: dict[str, list[Line]], start: float) -> Iterator[Point]:
    if not variants:
        return
    yield from _summed(line for lines in variants.values() for line in lines).points(start)
    if len(variants) > 1:
        for variant, lines in variants.items():
            yield from _summed(lines).points(start, f"{variant}/")


def _summed(lines: Iterable[Line]) -> Minute:
    minute = Minute()
    for line in lines:
        minute.add(line)
    return minute


def _read(path: Path) -> dict[Key, dict[str, list[Line]]]:
    """Return the lines of a file by endpoint and variant, less those a crash cut short."""
    found: dict[Key, dict[str, list[Line]]] = {}
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:  # the gateway dropped it, the spool being full
        return found
    for number, record in enumerate(text.splitlines(), 1):
        try:
            line = json.loads(record)
            Minute().add(line)
            float(line["time"])
            key = (line["account"], line["region"], line["endpoint"])
            found.setdefault(key, {}).setdefault(line["variant"], []).append(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("Line %d of %s cannot be read: %r", number, path, error)
    return found


def _forget(studio: Studio, folder: Path) -> None:
    """Remove the notes of files that are gone."""
    stream = log_cursors.c.stream
    with studio.database.write() as connection:
        noted = connection.scalars(select(stream).where(stream.startswith(_STREAM)).distinct())
        gone = [each for each in noted if not (folder / each.removeprefix(_STREAM)).exists()]
        connection.execute(delete(log_cursors).where(stream.in_(gone)))
