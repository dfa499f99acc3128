"""Statistics of a metric over periods."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from ...core.samples import Metric, Sample, merged, percentile
from ...core.studio import Studio
from .errors import invalid

DAY = 86_400.0
_PERCENTILE = re.compile(r"[pP](100(?:\.0{1,10})?|[0-9]{1,2}(?:\.[0-9]{1,10})?)")

Statistic = Callable[[Sample], float | None]
"""Returns None where a statistic cannot be told, as a percentile of mere sums."""

PLAIN: Mapping[str, Statistic] = {
    "SampleCount": lambda sample: sample.count,
    "Average": lambda sample: sample.total / sample.count,
    "Sum": lambda sample: sample.total,
    "Minimum": lambda sample: sample.minimum,
    "Maximum": lambda sample: sample.maximum,
}


def statistic(name: str) -> Statistic:
    """Return the statistic of a name: one of :data:`PLAIN`, or a percentile like ``p99.9``.

    Raises
    ------
    AWSError
        ``InvalidParameterValue`` for any other.
    """
    if name in PLAIN:
        return PLAIN[name]
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        raise invalid(
            f"The value {name} for a statistic is invalid: this studio knows {', '.join(PLAIN)} "
            "and percentiles from p0 to p100."
        )
    share = float(match[1])

    def of(sample: Sample) -> float | None:
        known = sample.distribution
        if known is None:
            return None
        return min(max(percentile(known, share), sample.minimum), sample.maximum)

    return of


def check_period(period: int) -> None:
    """Raise ``InvalidParameterValue`` unless CloudWatch takes a period of so many seconds."""
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise invalid(
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60 seconds; it is "
            f"{period}."
        )


def window(start: datetime, end: datetime, period: int, now: float) -> tuple[float, float]:
    """Return what a query looks at: its start rounded down, as far as it lies back, and its end.

    Raises
    ------
    AWSError
        ``InvalidParameterValue`` where it ends before it starts.
    """
    first, last = start.timestamp(), end.timestamp()
    if first >= last:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    if first < now - 63 * DAY:
        step = 3600
    elif first < now - 15 * DAY:
        step = 300
    else:
        step = min(period, 60)
    return math.floor(first / step) * step, last


def periods(
    studio: Studio,
    metric: Metric,
    start: float,
    end: float,
    period: int,
    unit: str | None = None,
    *,
    by_unit: bool = False,
) -> list[tuple[float, Sample]]:
    """Return what a metric comes to in each period from ``start`` on that has points, by time.

    Points whose own resolution does not divide the period are not seen: what has been merged
    into minutes cannot be told by the second.
    """
    groups: dict[tuple[float, str], list[Sample]] = {}
    for sample in studio.cloudwatch.samples(metric, start, end):
        if period % sample.resolution or (unit is not None and sample.unit != unit):
            continue
        time = start + math.floor((sample.time - start) / period) * period
        groups.setdefault((time, sample.unit if by_unit else ""), []).append(sample)
    return [
        (time, merged(samples, time, period))
        for (time, _), samples in sorted(groups.items(), key=lambda item: item[0])
    ]
