"""Metrics of many resources side by side, on each kind of database."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jupyter_mlstudio.core.curves import Axis, Curve, Curves, Window
from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.core.metrics import MetricStore, Point
from jupyter_mlstudio.core.packed import doubles, integers
from jupyter_mlstudio.core.schema import metric_points, metric_series

PREFIX = "arn:aws:sagemaker:eu-west-1:123456789012:"
RUNS = [f"{PREFIX}training-job/run-{number}" for number in range(3)]
OTHERS = "arn:aws:sagemaker:eu-west-2:123456789012:training-job/run-0"


@pytest.fixture
def metrics(database: Database) -> MetricStore:
    """Give a store of points."""
    return MetricStore(database)


def walk(count: int, seed: int = 0) -> list[Point]:
    """Return points of a metric ``loss``, one a second, every tenth step."""
    draw = random.Random(seed)
    return [Point("loss", draw.gauss(0, 1), 1000.0 + n, 10 * n) for n in range(count)]


def test_a_series_says_of_itself_what_its_points_are(
    metrics: MetricStore, database: Database
) -> None:
    for values in ([3.0, 1.0], [5.0], [2.0, 4.0, 2.5]):
        metrics.append(RUNS[0], [Point("loss", value, 1.0) for value in values])
    with database.read() as connection:
        (row,) = connection.execute(select(metric_series)).all()
        numbers = connection.scalars(
            select(metric_points.c.number).order_by(metric_points.c.number)
        ).all()
    assert (row.points, row.last, row.minimum, row.maximum) == (6, 2.5, 1.0, 5.0)
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_names_are_those_of_the_account_and_region(
    metrics: MetricStore, database: Database
) -> None:
    for arn, name in ((RUNS[0], "b"), (RUNS[1], "a"), (RUNS[2], "b"), (OTHERS, "c")):
        metrics.append(arn, [Point(name, 1.0, 1.0)])
    curves = Curves(database)
    assert curves.names(PREFIX) == ["a", "b"]
    assert curves.names_of([RUNS[1], OTHERS]) == ["a", "c"]
    assert Curves(database).names("arn:aws:sagemaker:mars:1:") == []


def test_a_table_shows_last_lowest_and_highest(metrics: MetricStore, database: Database) -> None:
    metrics.append(RUNS[0], [Point("loss", value, 1.0) for value in (3.0, 1.0, 2.0)])
    metrics.append(OTHERS, [Point("loss", 9.0, 1.0)])
    assert Curves(database).summaries("loss", PREFIX) == {RUNS[0]: (2.0, 1.0, 3.0)}
    assert Curves(database).summaries("none", PREFIX) == {}


def one(database: Database, most: int, window: Window | None = None) -> Curve:
    """Return the curve of the first run."""
    (curve,) = Curves(database).curves(RUNS[:1], "loss", window or Window(), most)
    return curve


def test_a_short_series_is_drawn_as_it_is(metrics: MetricStore, database: Database) -> None:
    points = walk(50)
    metrics.append(RUNS[0], points)
    curve = one(database, 50)
    assert curve.values == [point.value for point in points]
    assert curve.steps == [point.step for point in points]
    assert curve.times == [point.time for point in points]
    assert (curve.count, curve.minima, curve.maxima) == (50, [], [])


def test_points_without_steps_are_counted(metrics: MetricStore, database: Database) -> None:
    metrics.append(RUNS[0], [Point("loss", 1.0, 5.0), Point("loss", 2.0, 6.0)])
    assert one(database, 9).steps == [0, 1]


@pytest.mark.parametrize("most", [2, 7, 100, 999])
def test_a_long_series_keeps_its_envelope(
    metrics: MetricStore, database: Database, most: int
) -> None:
    values = [point.value for point in walk(1000)]
    metrics.append(RUNS[0], walk(1000))
    curve = one(database, most)
    assert 2 <= len(curve.values) <= most
    assert curve.count == 1000
    assert curve.values[-1] == values[-1]
    starts = [0, *(step // 10 + 1 for step in curve.steps)]
    for start, end, low, high, last in zip(
        starts, starts[1:], curve.minima, curve.maxima, curve.values, strict=False
    ):
        stretch = values[start:end]
        assert (low, high, last) == (min(stretch), max(stretch), stretch[-1])


@pytest.mark.parametrize(
    ("axis", "start", "end"),
    [("Step", 500, 600), ("Time", 1050.0, 1060.0), ("RelativeTime", 50.0, 60.0)],
)
def test_a_window_has_its_points_and_their_neighbours(
    metrics: MetricStore, database: Database, axis: Axis, start: float, end: float
) -> None:
    metrics.append(RUNS[0], walk(200))
    assert one(database, 100, Window(axis, start, end)).steps == list(range(490, 620, 10))
    half = one(database, 1000, Window(axis, start, None))
    assert half.steps == list(range(490, 2000, 10))
    empty = one(database, 100, Window(axis, start + 0.25, start + 0.5))
    assert len(empty.steps) == 2
    assert one(database, 100, Window(axis, None, -1.0)).values in ([], [walk(1)[0].value])


def test_every_run_that_has_the_metric_has_a_curve(
    metrics: MetricStore, database: Database
) -> None:
    for seed, arn in enumerate(RUNS[:2]):
        metrics.append(arn, walk(10, seed))
    found = {curve.arn for curve in Curves(database).curves(RUNS, "loss", Window(), 5)}
    assert found == set(RUNS[:2])


def test_all_points_are_there_page_by_page(metrics: MetricStore, database: Database) -> None:
    points = [*walk(25), *(Point("auc", float(n), 1.0, n) for n in range(7))]
    metrics.append(RUNS[0], points)
    for names, count in ((None, 32), (["loss"], 25)):
        for most in (1, 4, 7, 8, 100):
            read: list[tuple[str, float]] = []
            after = ("", 0)
            while page := list(Curves(database).page(RUNS[0], names, after, most)):
                assert sum(len(curve.values) for *_, curve in page) <= most
                read += [(name, value) for name, _, curve in page for value in curve.values]
                after = page[-1][:2]
            wanted = sorted(points, key=lambda point: point.name)
            assert len(read) == count
            assert read == [(p.name, p.value) for p in wanted if not names or p.name in names]


@settings(deadline=None)  # the first example imports NumPy
@given(st.lists(st.floats(allow_nan=False)), st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_packed_numbers_are_those_of_numpy(values: list[float], codes: list[int]) -> None:
    numpy = pytest.importorskip("numpy")
    assert numpy.frombuffer(doubles(values), "<f8").tolist() == values
    assert numpy.frombuffer(integers(codes), "<i4").tolist() == codes
