"""Invocation metrics: from the gateway's spool into CloudWatch's tables.

In the namespace ``AWS/SageMaker``, with the dimensions ``EndpointName`` and ``VariantName``, stands
one sample a minute for each of

- ``Invocations``, ``Invocation4XXErrors``, ``Invocation5XXErrors``, ``InvocationModelErrors``: a
  value of 1 per request that counts, and for errors of 0 per request that does not;
- ``ModelLatency``, ``OverheadLatency``: microseconds of the single requests, to two significant
  digits. A minute in which no container was reached has none of them.

Names and meanings are those of "Monitor Amazon SageMaker with Amazon CloudWatch" in AWS's developer
guide.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from .._failpoints import reached
from ..core.cloudwatch import Entry
from ..core.controllers import controller
from ..core.metrics import advance
from ..core.samples import Metric, Sample
from ..core.schema import log_cursors
from ..core.store import Resource
from ..core.studio import Studio
from .gateway.metrics import minute_of, spool_folder
from .kinds import ENDPOINT
from .routes import Key

log = logging.getLogger(__name__)

DRAIN_SECONDS = 15.0
MINUTE = 60
GRACE = 30.0
"""Seconds after its minute until a file is taken: a flush that began in the minute has ended."""

COUNTS = (
    "Invocations",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "InvocationModelErrors",
)
LATENCIES = ("ModelLatency", "OverheadLatency")
NAMESPACE = "AWS/SageMaker"
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

    def samples(self, start: float) -> Iterator[tuple[str, Sample]]:
        """Yield names and samples of the minute."""
        requests = self.counts["Invocations"]
        for name in COUNTS:
            counted = self.counts[name]
            values = {1.0: counted, 0.0: requests - counted}
            kept = {value: float(count) for value, count in values.items() if count > 0}
            if kept:
                yield name, Sample.counted(kept, start, MINUTE)
        for name, latencies in self.latencies.items():
            if latencies:
                values = {float(value): count for value, count in latencies.items()}
                yield name, Sample.counted(values, start, MINUTE, "Microseconds")


def drain(studio: Studio, now: float) -> None:
    """Store the points of every complete file of the spool once, and delete it.

    A crash on the way repeats nothing: the points of an endpoint are stored together with a note
    of the file they are from, which is kept for as long as the file is there.
    """
    folder = spool_folder(studio.settings.routes)
    taken = [path for path in sorted(folder.glob("*.jsonl")) if _complete(path, now)]
    for path in taken:
        _store(studio, path)
        reached("endpoint.metrics.stored")
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
        entries = list(_entries(endpoint, _since(variants, endpoint.created), start))
        with studio.database.write() as connection:
            studio.cloudwatch.tables.put_with(connection, entries)
            advance(connection, endpoint.uid, stream, 1)


def _since(variants: dict[str, list[Line]], created: float) -> dict[str, list[Line]]:
    """Return what was counted for this endpoint, and not for an earlier one of its name."""
    return {
        variant: kept
        for variant, lines in variants.items()
        if (kept := [line for line in lines if line["time"] >= created])
    }


def _entries(endpoint: Resource, variants: dict[str, list[Line]], start: float) -> Iterator[Entry]:
    for variant, lines in variants.items():
        dimensions = (("EndpointName", endpoint.name), ("VariantName", variant))
        for name, sample in _summed(lines).samples(start):
            yield Metric(endpoint.account, endpoint.region, NAMESPACE, name, dimensions), sample


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
