"""What real containers use, read by boto3 from CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import RunningStudio

from .jobs import request, unique, wait

SPACE = "/aws/sagemaker/TrainingJobs"
BUSY = "$SIG{TERM} = sub { exit 0 }; $x = q(a) x 3e8; 1 while 1"
"""Three hundred megabytes and one core, until it is stopped."""


@pytest.fixture(scope="module")
def studio(make_studio: Callable[..., RunningStudio]) -> RunningStudio:
    return make_studio("docker", usage_seconds=0.5)


def seen_times(studio: RunningStudio, host: str, least: int) -> int:
    """Return how often a host has been looked at, once that is so often."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        count = int(used(studio, host).get("MemoryUtilization", {}).get("SampleCount", 0))
        if count >= least:
            return count
        time.sleep(0.2)
    raise AssertionError(f"{host} has been looked at {count} times, not {least}")


def used(studio: RunningStudio, host: str) -> dict[str, dict[str, Any]]:
    """Return the statistics of a host by metric."""
    cloudwatch = studio.client("cloudwatch")
    now = datetime.now(UTC)
    found = {}
    dimensions = [{"Name": "Host", "Value": host}]
    for metric in cloudwatch.list_metrics(Namespace=SPACE, Dimensions=dimensions)["Metrics"]:
        answer = cloudwatch.get_metric_statistics(
            **metric,
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Maximum", "Sum", "SampleCount"],
        )
        (found[metric["MetricName"]],) = answer["Datapoints"]
    cloudwatch.close()
    return found


@pytest.mark.docker
def test_a_busy_host_is_seen_working_also_over_a_restart(
    studio: RunningStudio, foreign_image: str
) -> None:
    name = unique("busy")
    algorithm = {
        "TrainingImage": foreign_image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["perl", "-e", BUSY],
    }
    studio.client("sagemaker").create_training_job(
        **request(studio, foreign_image, name, AlgorithmSpecification=algorithm)
    )
    host = f"{name}/algo-1"
    before = seen_times(studio, host, 1)
    studio.restart()
    # Two more: what lies between them is what the second studio saw.
    seen_times(studio, host, before + 2)
    studio.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert wait(studio, name)["TrainingJobStatus"] == "Stopped"
    found = used(studio, host)
    # A whole core where nobody else is busy; one that sleeps has nothing to show.
    assert 3 < found["CPUUtilization"]["Maximum"] < 110
    assert found["CPUUtilization"]["Unit"] == "Percent"
    # Of the eight gigabytes of the instance, or what this machine has.
    assert 1 < found["MemoryUtilization"]["Maximum"] < 60
    assert 0 < found["DiskUtilization"]["Maximum"] <= 100
    assert found["NetworkIn"]["Unit"] == "Bytes"
