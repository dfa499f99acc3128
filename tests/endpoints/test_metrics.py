"""From invocations through the gateway's spool to series a client reads."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import select

from jupyter_mlstudio.core.cloudwatch import Wanted
from jupyter_mlstudio.core.samples import Sample
from jupyter_mlstudio.core.schema import log_cursors
from jupyter_mlstudio.endpoints.gateway.metrics import Metrics, minute_of, spool_folder
from jupyter_mlstudio.endpoints.metrics import COUNTS, NAMESPACE, drain
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


def stored(
    world: World, name: str = "measured", start: float = START, variant: str = "AllTraffic"
) -> dict[str, Sample]:
    """Return what is known of a minute by metric."""
    settings = world.settings
    dimensions = (("EndpointName", name), ("VariantName", variant))
    wanted = Wanted(settings.account, settings.region, 0, NAMESPACE, None, dimensions)
    found = {}
    for metric in world.studio.cloudwatch.metrics(wanted):
        for sample in world.studio.cloudwatch.samples(metric, start, start + 60):
            found[metric.name] = sample
    return found


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

    cloudwatch = world.client("cloudwatch", world.settings.url)

    def read(name: str, **statistics: list[str]) -> list[Any]:
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[
                {"Name": "EndpointName", "Value": "measured"},
                {"Name": "VariantName", "Value": "AllTraffic"},
            ],
            StartTime=min(minutes),
            EndTime=max(minutes) + 60,
            Period=3600,
            **statistics,
        )
        points: list[Any] = answer["Datapoints"]
        return points

    sums = {name: read(name, Statistics=["Sum", "SampleCount", "Average"]) for name in COUNTS}
    assert {
        name: (point["Sum"], point["SampleCount"], point["Average"])
        for name, (point,) in sums.items()
    } == {
        "Invocations": (4, 4, 1),
        "Invocation4XXErrors": (0, 4, 0),
        "Invocation5XXErrors": (1, 4, 0.25),
        "InvocationModelErrors": (1, 4, 0.25),
    }
    for name in ("ModelLatency", "OverheadLatency"):
        (point,) = read(name, Statistics=["Average"], ExtendedStatistics=["p50", "p90", "p99"])
        p50, p90, p99 = (point["ExtendedStatistics"][f"p{share}"] for share in (50, 90, 99))
        assert point["Unit"] == "Microseconds"
        assert 0 < p50 <= p90 <= p99 < 10e6
        assert 0 < point["Average"] <= p99


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
    found = stored(world)
    assert {name: sample.distribution for name, sample in found.items()} == {
        "Invocations": {1: 4},
        "Invocation4XXErrors": {0: 4},
        "Invocation5XXErrors": {1: 2, 0: 2},
        "InvocationModelErrors": {1: 2, 0: 2},
        "ModelLatency": {1000: 1, 3000: 1, 8000: 2},
        "OverheadLatency": {500: 4},
    }
    assert {sample.resolution for sample in found.values()} == {60}


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
    assert stored(world, start=start)["Invocations"].total == 2
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
    a, b = (stored(world, start=start, variant=variant) for variant in "AB")
    assert (a["Invocations"].total, b["Invocations"].total) == (3, 4)
    assert a["ModelLatency"].distribution == {1000: 1, 3000: 1}
    assert "ModelLatency" not in b


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
    assert stored(world, start=start)["Invocations"].total == 2
    assert stored(world, "gone", start) == {}
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


def test_what_instances_use_is_kept_by_variant_and_by_instance(world: World, endpoint: str) -> None:
    world.studio.sampler.sample()
    world.invoke("measured")
    world.studio.sampler.sample()
    cloudwatch = world.client("cloudwatch", world.settings.url)
    variant = [
        {"Name": "EndpointName", "Value": "measured"},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    listed = cloudwatch.list_metrics(
        Namespace="/aws/sagemaker/Endpoints", MetricName="CPUUtilization", Dimensions=variant
    )
    names = [[each["Name"] for each in m["Dimensions"]] for m in listed["Metrics"]]
    assert names == [
        ["EndpointName", "InstanceId", "VariantName"],
        ["EndpointName", "VariantName"],
    ]
    now = datetime.now(UTC)
    for metric in listed["Metrics"]:
        (point,) = cloudwatch.get_metric_statistics(
            **{**metric, "MetricName": "MemoryUtilization"},
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Minimum"],
        )["Datapoints"]
        assert 0 < point["Minimum"] < 100
