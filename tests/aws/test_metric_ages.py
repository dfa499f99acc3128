"""Points grow coarser with age, and end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from jupyter_mlstudio.aws.cloudwatch import retention
from jupyter_mlstudio.aws.cloudwatch.retention import age
from jupyter_mlstudio.core.cloudwatch import MetricTables, Wanted
from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.core.samples import MOST_VALUES, Metric, Sample, merged, percentile
from jupyter_mlstudio.core.schema import cloudwatch_points

METRIC = Metric("000000000000", "us-east-1", "n", "m", (("Host", "job/algo-1"),))
HOUR, DAY = 3600, 86_400
NOW = 1_800_000_000.0
EVERYTHING = Wanted(METRIC.account, METRIC.region, 0)


@pytest.fixture
def studio(database: Database) -> Any:
    return SimpleNamespace(database=database, settings=SimpleNamespace(metric_days=455))


def put(studio: Any, samples: list[Sample]) -> MetricTables:
    tables = MetricTables(studio.database)
    tables.put((METRIC, sample) for sample in samples)
    return tables


def settle(studio: Any, now: float) -> int:
    """Take steps until nothing is old; return how many it took."""
    steps = 0
    while age(studio, now):
        steps += 1
    return steps


def resolutions(studio: Any) -> dict[int, int]:
    query = select(cloudwatch_points.c.resolution, func.count()).group_by(
        cloudwatch_points.c.resolution
    )
    with studio.database.read() as connection:
        return dict(connection.execute(query).all())


def test_seconds_become_minutes_then_hours_then_nothing(studio: Any) -> None:
    start = NOW - NOW % HOUR
    tables = put(studio, [Sample.of(float(n % 7), start + n, 1) for n in range(0, 1200, 10)])
    total = sum(n % 7 for n in range(0, 1200, 10))
    assert settle(studio, start + HOUR) == 0
    for later, expected in (
        (4 * HOUR, {60: 20}),
        (16 * DAY, {300: 4}),
        (64 * DAY, {3600: 1}),
    ):
        assert settle(studio, start + later) > 0
        assert resolutions(studio) == expected
        (one,) = [merged(tables.samples(METRIC, start, start + HOUR), start, HOUR)]
        assert (one.count, one.total, one.minimum, one.maximum) == (120, total, 0, 6)
    assert list(tables.metrics(EVERYTHING)) == [METRIC]
    settle(studio, start + 456 * DAY)
    assert resolutions(studio) == {}
    assert list(tables.metrics(EVERYTHING)) == []


def test_a_step_is_small_and_a_day_that_is_cut_short_loses_nothing(
    studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 7)
    start = NOW - NOW % HOUR
    values = [float(n) for n in range(100)]
    tables = put(studio, [Sample.of(v, start + n, 1) for n, v in enumerate(values)])
    for _ in range(5):
        assert age(studio, start + 4 * HOUR)
        one = merged(tables.samples(METRIC, start, start + HOUR), start, HOUR)
        assert (one.count, one.total) == (100, sum(values))
    assert settle(studio, start + 4 * HOUR) < 20
    assert resolutions(studio) == {60: 2}
    one = merged(tables.samples(METRIC, start, start + HOUR), start, HOUR)
    assert one.distribution is not None
    assert [percentile(one.distribution, share) for share in (50, 90, 100)] == [49, 89, 99]


def test_a_setting_says_when_points_end(studio: Any) -> None:
    studio.settings.metric_days = 1
    start = NOW - NOW % HOUR
    put(studio, [Sample.of(1.0, start, 60), Sample.of(1.0, start + 2 * DAY, 60)])
    settle(studio, start + 2 * DAY)
    assert resolutions(studio) == {60: 1}


def test_points_of_the_same_time_become_one(studio: Any) -> None:
    tables = put(studio, [Sample.of(1.0, NOW, 60), Sample.of(3.0, NOW + 1, 60)])
    tables.put([(METRIC, Sample.of(5.0, NOW, 60, "Bytes"))])
    found = sorted(tables.samples(METRIC, NOW - 60, NOW + 60), key=lambda each: each.unit)
    assert [(each.unit, each.count, each.total) for each in found] == [
        ("Bytes", 1, 5),
        ("None", 2, 4),
    ]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400))
def test_merged_samples_know_what_all_of_them_did(values: list[float]) -> None:
    one = merged((Sample.of(value, NOW, 60) for value in values), NOW, 60)
    assert (one.count, one.minimum, one.maximum) == (len(values), min(values), max(values))
    assert one.total == pytest.approx(sum(values), rel=1e-9, abs=1e-3)
    assert one.distribution is not None
    ordered = sorted(values)
    for share in (1, 50, 99, 100):
        exact = ordered[max(1, -(-share * len(values) // 100)) - 1]
        assert percentile(one.distribution, share) == pytest.approx(exact, rel=0.011)


def test_many_different_values_are_kept_to_a_percent() -> None:
    one = Sample.counted({1000 + n / 7: 1.0 for n in range(100_000)}, NOW, 60)
    assert one.values is not None
    assert len(one.values) <= 2 * MOST_VALUES
    assert percentile(one.values, 50) == pytest.approx(1000 + 50_000 / 7, rel=0.011)


def test_sums_alone_have_no_percentile() -> None:
    sums = Sample(NOW, 3, 6, 1, 3, 60)
    assert sums.distribution is None
    assert merged([sums, Sample.of(1, NOW, 60)], NOW, 60).distribution is None
    assert Sample(NOW, 3, 6, 2, 2, 60).distribution == {2: 3}
