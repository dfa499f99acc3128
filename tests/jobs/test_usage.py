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
BUSY = "perl -e '$x = q(a) x 3e8; $end = time + 4; 1 while time < $end'"
"""Three hundred megabytes and one core, for four seconds."""


@pytest.fixture(scope="module")
def studio(make_studio: Callable[..., RunningStudio]) -> RunningStudio:
    return make_studio("docker", usage_seconds=0.5)


def listed(cloudwatch: Any, host: str) -> list[Any]:
    """Return the metrics of a host."""
    dimensions = [{"Name": "Host", "Value": host}]
    answer = cloudwatch.list_metrics(Namespace=SPACE, Dimensions=dimensions)
    metrics: list[Any] = answer["Metrics"]
    return metrics


def used(studio: RunningStudio, host: str) -> dict[str, dict[str, Any]]:
    """Return the statistics of a host by metric."""
    cloudwatch = studio.client("cloudwatch")
    now = datetime.now(UTC)
    found = {}
    for metric in listed(cloudwatch, host):
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
        "ContainerEntrypoint": ["sh", "-c", f"{BUSY}; {BUSY}"],
    }
    studio.client("sagemaker").create_training_job(
        **request(studio, foreign_image, name, AlgorithmSpecification=algorithm)
    )
    host = f"{name}/algo-1"
    cloudwatch = studio.client("cloudwatch")
    deadline = time.monotonic() + 60
    while not listed(cloudwatch, host) and time.monotonic() < deadline:
        time.sleep(0.2)
    cloudwatch.close()
    studio.restart()
    assert wait(studio, name)["TrainingJobStatus"] == "Completed"
    found = used(studio, host)
    assert 25 < found["CPUUtilization"]["Maximum"] < 110
    assert found["CPUUtilization"]["Unit"] == "Percent"
    # Of the eight gigabytes of the instance, or what this machine has.
    assert 1 < found["MemoryUtilization"]["Maximum"] < 60
    assert 0 < found["DiskUtilization"]["Maximum"] <= 100
    assert found["NetworkIn"]["Unit"] == "Bytes"
    # A look takes a second of the engine's time; none is written twice.
    assert 2 <= found["MemoryUtilization"]["SampleCount"] <= 25
