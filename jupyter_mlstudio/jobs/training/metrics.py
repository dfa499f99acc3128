"""Metrics read from what a job prints, by the regular expressions of its metric definitions.

Every log line counts once: how far a log has been read is stored together with the points, so a
crash in between neither loses nor doubles one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import regex

from ...core.metrics import Point
from ...core.store import Resource
from ...core.studio import Studio
from ...images.metrics import builtin_definitions
from .kind import LOG_GROUP

log = logging.getLogger(__name__)

_SECONDS_PER_LINE = 0.05


def definitions(wish: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the metric definitions of a job: its own, else those of the built-in algorithm."""
    algorithm = wish["AlgorithmSpecification"]
    own = algorithm.get("MetricDefinitions")
    if own:
        return list(own)
    return builtin_definitions(algorithm["TrainingImage"], wish.get("HyperParameters", {}))


def scan(studio: Studio, job: Resource, stream: str) -> None:
    """Read what a log has grown by since the last scan, and store the points in it."""
    patterns = [(d["Name"], regex.compile(d["Regex"])) for d in definitions(job.wish)]
    if not patterns:
        return
    position = studio.metrics.log_position(job.uid, stream)
    while True:
        page = studio.logs(job).read(LOG_GROUP, stream, position)
        if page.next_offset == position:
            return
        points = [
            point
            for event in page.events
            for point in _points(patterns, event.message, event.time_ms / 1000)
        ]
        studio.metrics.append_from_log(job.uid, job.arn, stream, points, page.next_offset)
        position = page.next_offset


def _points(
    patterns: list[tuple[str, regex.Pattern[str]]], line: str, time: float
) -> Iterator[Point]:
    for name, pattern in patterns:
        try:
            match = pattern.search(line, timeout=_SECONDS_PER_LINE)
        except TimeoutError:
            log.warning("Metric %s: its regular expression takes too long on a line", name)
            continue
        if match is None or not match.groups():
            continue
        try:
            value = float(match.group(1))
        except (TypeError, ValueError):
            continue
        if isfinite(value):
            yield Point(name, value, time)
