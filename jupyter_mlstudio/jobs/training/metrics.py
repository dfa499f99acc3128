"""Metrics read from what a job prints, by the regular expressions of its metric definitions.

Every log line counts once: how far a log has been read is stored together with the points, so a
crash in between neither loses nor doubles one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import isfinite
from time import thread_time
from typing import Any

import regex

from ...core.logs import LogEvent
from ...core.metrics import Point
from ...core.store import Resource
from ...core.studio import Studio
from ...images.metrics import MARK, builtin_definitions
from ..status import IN_PROGRESS
from .kind import LOG_GROUP

log = logging.getLogger(__name__)

SWITCHED_OFF = "MetricsSwitchedOff"
"""The fact that names the metrics a job prints for nothing."""

_SECONDS_PER_LINE = 0.05
ALLOWED_AT_ONCE, ALLOWED_PER_LINE = 1.0, 0.001
"""Seconds of a processor that a definition may take: at once, and more for every line."""


def definitions(wish: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the metric definitions of a job: its own, else those of the built-in algorithm."""
    algorithm = wish["AlgorithmSpecification"]
    own = algorithm.get("MetricDefinitions")
    if own:
        return list(own)
    return builtin_definitions(algorithm["TrainingImage"], wish.get("HyperParameters", {}))


class LogScanner:
    """Reads the metrics in the logs of jobs.

    A definition whose expression takes too long, line after line, is switched off for its job:
    what a job prints and how it wants it read is up to its user, and others have to go on.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._allowed: dict[str, dict[str, float]] = {}

    def scan(self, job: Resource, stream: str) -> None:
        """Read what a log has grown by since the last scan, and store the points in it."""
        # A name may have several expressions.
        patterns = [(d["Name"], regex.compile(d["Regex"])) for d in definitions(job.wish)]
        if not patterns:
            return
        # Many built-in expressions, and few lines that any of them could match.
        mark = "" if job.wish["AlgorithmSpecification"].get("MetricDefinitions") else MARK
        studio = self._studio
        allowed = self._allowances(job, [name for name, _ in patterns])
        position = studio.metrics.log_position(job.uid, stream)
        while True:
            page = studio.logs(job).read(LOG_GROUP, stream, position)
            if page.next_offset == position:
                return
            points = [
                point
                for event in page.events
                if mark in event.message
                for name, pattern in patterns
                if allowed[name] > 0
                and (point := self._point(job, allowed, name, pattern, event)) is not None
            ]
            studio.metrics.append_from_log(job.uid, job.arn, stream, points, page.next_offset)
            position = page.next_offset

    def forget(self, job: Resource) -> None:
        """Drop what is known of a job that has ended."""
        self._allowed.pop(job.uid, None)

    def _allowances(self, job: Resource, names: Iterable[str]) -> dict[str, float]:
        """Return the seconds that every definition has left; none for those switched off."""
        if job.uid not in self._allowed:
            current = self._studio.store.by_uid(job.uid) or job
            off = current.facts.get(SWITCHED_OFF, [])
            self._allowed[job.uid] = {n: 0.0 if n in off else ALLOWED_AT_ONCE for n in names}
        return self._allowed[job.uid]

    def _point(
        self,
        job: Resource,
        allowed: dict[str, float],
        name: str,
        pattern: regex.Pattern[str],
        event: LogEvent,
    ) -> Point | None:
        began = thread_time()
        match = _search(pattern, event.message)
        left = allowed[name] + ALLOWED_PER_LINE - (thread_time() - began)
        allowed[name] = min(left, ALLOWED_AT_ONCE)
        if left <= 0:
            self._switch_off(job, name)
        value = _value(match)
        return None if value is None else Point(name, value, event.time_ms / 1000)

    def _switch_off(self, job: Resource, name: str) -> None:
        message = (
            f"Metric {name} is read no further: its regular expression takes too long on the lines "
            "of the log. Make it simpler."
        )
        log.warning("Training job %s: %s", job.name, message)
        with suppress(KeyError), self._studio.store.edit(job.uid) as draft:
            off = draft.facts.setdefault(SWITCHED_OFF, [])
            if name not in off:
                off.append(name)
                if draft.status == IN_PROGRESS:
                    draft.step(draft.facts["SecondaryStatus"], message)


def _search(pattern: regex.Pattern[str], text: str) -> regex.Match[str] | None:
    """Search a line for as long as it may take of a processor.

    The time limit of ``regex`` passes also while other threads run: who is told that it is over has
    another try until the time was really used.
    """
    began = thread_time()
    while thread_time() - began < _SECONDS_PER_LINE:
        with suppress(TimeoutError):
            # Concurrently: others run while a hostile expression is busy.
            return pattern.search(text, timeout=_SECONDS_PER_LINE, concurrent=True)
    return None


def _value(match: regex.Match[str] | None) -> float | None:
    """Return the number that the first group of an expression found."""
    if match is None or not match.groups():
        return None
    try:
        value = float(match.group(1))
    except (TypeError, ValueError):
        return None
    return value if isfinite(value) else None
