"""From invocations through the gateway's spool to series a client reads."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from jupyter_mlstudio.core.metrics import Series
from jupyter_mlstudio.core.schema import log_cursors
from jupyter_mlstudio.endpoints.gateway.metrics import Metrics, minute_of, spool_folder
from jupyter_mlstudio.endpoints.metrics import COUNTS, drain, percentile
from tests.endpoints.world import World, until

MINUTE = "20260102T0304"
START = 1767323040.0
LATE = START + 91.0


@pytest.fixture
def spool(world: World) -> Path:
    folder = spool_folder(world.settings.routes)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def endpoint(world: World) -> Iterator[str]:
    """Give the ARN of an endpoint in service."""
    world.deploy("measured")
    yield world.arn("endpoint/measured")
    world.delete_endpoints()
    world.sagemaker.delete_endpoint_config(EndpointConfigName="measured")
    world.sagemaker.delete_model(ModelName="measured")


def line(world: World, variant: str = "AllTraffic", **fields: Any) -> str:
    document = {
        "account": world.settings.account,
        "region": world.settings.region,
        "endpoint": "measured",
        "variant": variant,
        "time": time.time(),
        "Invocations": 2,
        "Invocation4XXErrors": 0,
        "Invocation5XXErrors": 1,
        "InvocationModelErrors": 1,
        "ModelLatency": [[1000, 1], [3000, 1]],
        "OverheadLatency": [[500, 2]],
        **fields,
    }
    return json.dumps(document) + "\n"


def stored(world: World, arn: str, start: float = START) -> dict[str, list[float]]:
    """Return the values of a minute by series."""

    def values(series: Series) -> list[float]:
        pairs = zip(series.times, series.values, strict=True)
        return [value for time_, value in pairs if time_ == start]

    found = {series.name: values(series) for series in world.studio.metrics.series(arn)}
    return {name: points for name, points in found.items() if points}


def test_a_client_reads_what_was_invoked(world: World, endpoint: str, spool: Path) -> None:
    for _ in range(3):
        world.invoke("measured")
    with pytest.raises(ClientError, match="ModelError"):
        world.runtime.invoke_endpoint(EndpointName="measured", Body=b"fail")
    pid = world.gateway.pid
    world.gateway.terminate()
    world.gateway.wait(70)
    world.gateway = world.start_gateway()
    minutes = _long_ago(spool, pid)
    until(lambda: not list(spool.glob(f"*-{pid}.jsonl")), 30)

    mlstudio = world.client("mlstudio", world.settings.url)
    answer = mlstudio.get_metric_series(ResourceArn=endpoint)
    series = {each["MetricName"]: each for each in answer["Series"]}
    assert {name: sum(series[name]["Values"]) for name in COUNTS} == {
        "Invocations": 4.0,
        "Invocation4XXErrors": 0.0,
        "Invocation5XXErrors": 1.0,
        "InvocationModelErrors": 1.0,
    }
    assert set(series["Invocations"]["Times"]) <= minutes
    for name in ("ModelLatency", "OverheadLatency"):
        mean = series[name]["Values"][0]
        p50, p90, p99 = (series[f"{name}.p{share}"]["Values"][0] for share in (50, 90, 99))
        assert 0 < p50 <= p90 <= p99 < 10e6
        assert 0 < mean <= p99
    (one,) = mlstudio.get_metric_series(ResourceArn=endpoint, MetricNames=["ModelLatency.p99"])[
        "Series"
    ]
    assert one["MetricName"] == "ModelLatency.p99"


def _long_ago(spool: Path, pid: int) -> set[float]:
    """Let what a gateway that has ended left in the spool be minutes old; return which."""
    minutes = set()
    for number, path in enumerate(spool.glob(f"*-{pid}.jsonl"), 3):
        name = time.strftime("%Y%m%dT%H%M", time.gmtime(time.time() - 60 * number))
        minutes.add(minute_of(path.rename(spool / f"{name}-{pid}.jsonl")))
    return minutes


def test_a_minute_is_one_point(world: World, endpoint: str, spool: Path) -> None:
    path = spool / f"{MINUTE}-1.jsonl"
    path.write_text(line(world) + line(world, ModelLatency=[[8000, 2]]))
    drain(world.studio, LATE - 2)
    assert path.exists(), "the minute may still be written to"
    drain(world.studio, LATE)
    assert not path.exists()
    assert stored(world, endpoint) == {
        "Invocations": [4.0],
        "Invocation4XXErrors": [0.0],
        "Invocation5XXErrors": [2.0],
        "InvocationModelErrors": [2.0],
        "ModelLatency": [5000.0],
        "ModelLatency.p50": [3000.0],
        "ModelLatency.p90": [8000.0],
        "ModelLatency.p99": [8000.0],
        "OverheadLatency": [500.0],
        "OverheadLatency.p50": [500.0],
        "OverheadLatency.p90": [500.0],
        "OverheadLatency.p99": [500.0],
    }


def test_a_crash_before_the_file_is_deleted_repeats_nothing(
    world: World, endpoint: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = START + 3600
    path = spool / "20260102T0404-1.jsonl"
    path.write_text(line(world))
    with monkeypatch.context() as patched, pytest.raises(OSError, match="crash"):
        patched.setattr(Path, "unlink", _crash)
        drain(world.studio, start + 120)
    assert path.exists()
    for _ in range(2):
        drain(world.studio, start + 120)
    assert stored(world, endpoint, start)["Invocations"] == [2.0]
    assert not path.exists()
    with world.studio.database.read() as connection:
        assert connection.scalars(select(log_cursors.c.stream)).all() == []


def _crash(*_: object, **__: object) -> None:
    raise OSError("crash")


def test_variants_are_told_apart(world: World, endpoint: str, spool: Path) -> None:
    start = START + 7200
    (spool / "20260102T0504-1.jsonl").write_text(
        line(world, "A", Invocations=3)
        + line(world, "B", Invocations=4, ModelLatency=[], OverheadLatency=[])
    )
    drain(world.studio, start + 120)
    found = stored(world, endpoint, start)
    assert [found[f"{prefix}Invocations"] for prefix in ("", "A/", "B/")] == [[7.0], [3.0], [4.0]]
    assert found["A/ModelLatency.p90"] == [3000.0]
    assert "B/ModelLatency" not in found


def test_what_belongs_to_nobody_is_dropped(
    world: World, endpoint: str, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start = START + 10800
    path = spool / "20260102T0604-1.jsonl"
    earlier = line(world, time=time.time() - 3600)
    gone = line(world, endpoint="gone")
    path.write_text(gone + '{"account": "123\n' + line(world) + earlier + "[]\n")
    drain(world.studio, start + 120)
    assert not path.exists()
    assert stored(world, endpoint, start)["Invocations"] == [2.0]
    assert world.studio.metrics.series(world.arn("endpoint/gone")) == []
    assert sum("cannot be read" in message for message in caplog.messages) == 2


def test_the_spool_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for minute in range(10, 20):
        (tmp_path / f"20260102T03{minute}-1.jsonl").write_bytes(b"x" * 1000)
    metrics = Metrics(tmp_path, limit=3500)
    with caplog.at_level(logging.WARNING):
        metrics.record(("1", "r", "ep"), "A", 200, 0.001, 0.002)
        metrics.flush()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:13] for name in kept[:-1]] == ["20260102T0317", "20260102T0318", "20260102T0319"]
    assert kept[-1].endswith(f"-{os.getpid()}.jsonl")
    assert "of 7 minutes" in caplog.text


@given(st.lists(st.integers(min_value=1, max_value=10**7), min_size=1, max_size=200))
def test_percentiles_are_values_that_occurred(values: list[int]) -> None:
    counted = Counter(values)
    for share in (50, 90, 99, 100):
        found = percentile(counted, share)
        at_most = sum(value <= found for value in values)
        below = sum(value < found for value in values)
        assert below * 100 < share * len(values) <= at_most * 100


def test_percentiles_are_close_to_those_of_statistics() -> None:
    values = [n * 10 for n in range(1, 1001)]
    exact = quantiles(values, n=100)
    for share in (50, 90, 99):
        assert percentile(Counter(values), share) == pytest.approx(exact[share - 1], rel=0.01)
