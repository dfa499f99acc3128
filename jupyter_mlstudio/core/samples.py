"""What is known of a metric in a stretch of time, as CloudWatch keeps it.

A sample is a statistic set: how many values there were, their sum and extremes, and where it is
known how often each came. Samples can be merged, so seconds become minutes and minutes hours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, copysign, exp, floor, log

MOST_VALUES = 300
"""Different values a sample keeps apart; of more it keeps those that differ by a percent."""

_PERCENT = log(1.01)


@dataclass(frozen=True, slots=True)
class Metric:
    """The name of a series; ``dimensions`` are name and value, sorted by name."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of ``resolution`` seconds from ``time`` (seconds since the epoch) on.

    ``values`` says how often which value came; None when all were the same, or when the sample
    was made from sums alone (then no percentile can be told).
    """

    time: float
    count: float
    total: float
    minimum: float
    maximum: float
    resolution: int
    unit: str = "None"
    values: Mapping[float, float] | None = None

    @classmethod
    def of(cls, value: float, time: float, resolution: int, unit: str = "None") -> Sample:
        """Return the sample of a single value."""
        return cls(floor(time / resolution) * resolution, 1, value, value, value, resolution, unit)

    @classmethod
    def counted(
        cls, values: Mapping[float, float], time: float, resolution: int, unit: str = "None"
    ) -> Sample:
        """Return the sample of values that came as often as their counts say."""
        several = len(values) > 1
        return cls(
            floor(time / resolution) * resolution,
            sum(values.values()),
            sum(value * count for value, count in values.items()),
            min(values),
            max(values),
            resolution,
            unit,
            _bounded(values) if several else None,
        )

    @property
    def distribution(self) -> Mapping[float, float] | None:
        """How often each value came, where that is known."""
        return {self.minimum: self.count} if self.minimum == self.maximum else self.values


def merged(samples: Iterable[Sample], time: float, resolution: int) -> Sample:
    """Return what several samples of one unit (at least one) come to together."""
    all_of = list(samples)
    distributions = [sample.distribution for sample in all_of]
    known = [each for each in distributions if each is not None]
    minimum = min(sample.minimum for sample in all_of)
    maximum = max(sample.maximum for sample in all_of)
    values = None
    if len(known) == len(all_of) and minimum != maximum:
        together: Counter[float] = Counter()
        for each in known:
            for value, count in each.items():
                together[value] += count  # type: ignore[assignment]  # counts may be fractions
        values = _bounded(together)
    return Sample(
        time,
        sum(sample.count for sample in all_of),
        sum(sample.total for sample in all_of),
        minimum,
        maximum,
        resolution,
        all_of[0].unit,
        values,
    )


def percentile(distribution: Mapping[float, float], share: float) -> float:
    """Return the smallest value that ``share`` percent of all values do not exceed."""
    total = sum(distribution.values())
    rank = total * share / 100
    if float(total).is_integer():
        rank = max(1, ceil(rank - 1e-9))
    seen = 0.0
    ordered = sorted(distribution.items())
    for value, count in ordered:
        seen += count
        if seen >= rank:
            return value
    return ordered[-1][0]


def _bounded(values: Mapping[float, float]) -> Mapping[float, float]:
    if len(values) <= MOST_VALUES:
        return dict(values)
    rough: dict[float, float] = {}
    for value, count in values.items():
        near = _rounded(value)
        rough[near] = rough.get(near, 0) + count
    return rough


def _rounded(value: float) -> float:
    """Return a value on a scale whose steps are one percent."""
    if value == 0:
        return 0.0
    return copysign(exp(round(log(abs(value)) / _PERCENT) * _PERCENT), value)
