"""Warm pools: the next job of the same shape starts in a container that waits for it."""

from __future__ import annotations

import time
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio

from .jobs import (
    XGBOOST,
    channel,
    get,
    log_lines,
    members,
    put,
    request,
    run,
    script_archive,
    unique,
    wait,
)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]

SCRIPT = """
import os, pathlib
print("inputs", sorted(p.name for p in pathlib.Path("/opt/ml/input/data/train").iterdir()))
for place in ("/tmp/left", "/opt/ml/model/left", "/opt/ml/output/data/left", "/root/left"):
    print("left", pathlib.Path(place).exists())
    pathlib.Path(place).write_text("x")
warm = os.path.exists("/opt/mlstudio-standby")
print("warm", warm, os.environ["TRAINING_JOB_NAME"], os.environ.get("COLOUR"))
cache = os.environ.get("SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY")
print("cached", sorted(os.listdir(cache)) if cache else None)
if cache:
    kept = pathlib.Path(cache, os.environ["TRAINING_JOB_NAME"])
    kept.write_text("#!/bin/sh")
    kept.chmod(0o700)
    print("kept", sorted(oct(p.stat().st_mode & 0o777) for p in pathlib.Path(cache).iterdir()))
print("host", os.uname().nodename, os.environ["SM_HP_LR"])
import boto3
print("identity", boto3.client("sts").get_caller_identity()["Arn"])
pathlib.Path("/opt/ml/model/w").write_text(os.environ["TRAINING_JOB_NAME"])
"""


def wish(studio: RunningStudio, name: str, keep: int = 120, **changes: Any) -> dict[str, Any]:
    put(
        studio,
        {f"{name}/source.tar.gz": script_archive(SCRIPT), f"{name}/in/{name}.csv": b"1\n"},
    )
    return request(
        studio,
        XGBOOST,
        name,
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{studio.bucket}/{name}/source.tar.gz",
            "lr": name[-1],
        },
        InputDataConfig=[channel(studio, "train", f"{name}/in/")],
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
            "KeepAlivePeriodInSeconds": keep,
        },
        **changes,
    )


def pool_status(studio: RunningStudio, name: str) -> dict[str, Any]:
    job = studio.client("sagemaker").describe_training_job(TrainingJobName=name)
    status: dict[str, Any] = job["WarmPoolStatus"]
    return status


def until_ready(studio: RunningStudio, seconds: float = 20) -> None:
    """Wait until a container runs that waits for a job."""
    client = docker.from_env()
    label = f"mlstudio.studio={studio.settings.studio_id}"
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            for container in client.containers.list(filters={"label": label}):
                code, _ = container.exec_run(["test", "-e", "/opt/mlstudio-standby/waiting"])
                if code == 0:
                    time.sleep(0.6)
                    return
            time.sleep(0.1)
    finally:
        client.close()
    raise AssertionError("no container waits")


def start(studio: RunningStudio, name: str, **changes: Any) -> dict[str, Any]:
    studio.client("sagemaker").create_training_job(**wish(studio, name, **changes))
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def test_the_next_job_starts_in_the_container_made_ready(docker_studio: RunningStudio) -> None:
    studio, client = docker_studio, docker_studio.client("sagemaker")
    first, second, third = unique("warm"), unique("warm"), unique("warm")
    start(studio, first)
    assert pool_status(studio, first)["Status"] == "Available"
    listed = client.list_training_jobs(WarmPoolStatusEquals="Available")["TrainingJobSummaries"]
    assert first in {entry["TrainingJobName"] for entry in listed}
    job = start(studio, second, Environment={"COLOUR": "blue"})
    assert pool_status(studio, first)["Status"] == "Reused"
    assert pool_status(studio, first)["ReusedByJob"] == second
    lines = log_lines(studio, second)
    assert f"inputs ['{second}.csv']" in lines
    assert "left True" not in lines
    assert lines.count("left False") == 4
    assert f"warm True {second} blue" in lines
    assert f"cached ['{first}']" in lines
    assert "kept ['0o700', '0o700']" in lines
    assert f"host algo-1 {second[-1]}" in lines
    assert any("assumed-role/MLStudioExecutionRole" in line for line in lines)
    model = members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert model["w"] == second.encode()
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    until_ready(studio)
    studio.restart()
    lines = log_lines(studio, start(studio, third)["TrainingJobName"])
    assert f"warm True {third} None" in lines
    assert f"cached {sorted([first, second])}" in lines
    until_ready(studio)
    client.update_training_job(
        TrainingJobName=third, ResourceConfig={"KeepAlivePeriodInSeconds": 0}
    )
    deadline = time.monotonic() + 10
    while pool_status(studio, third)["Status"] != "Terminated" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pool_status(studio, third)["Status"] == "Terminated"
    with pytest.raises(ClientError, match="no longer available"):
        client.update_training_job(
            TrainingJobName=third, ResourceConfig={"KeepAlivePeriodInSeconds": 60}
        )


def test_another_shape_starts_elsewhere_and_a_pool_ends(docker_studio: RunningStudio) -> None:
    studio = docker_studio
    first, other = unique("pool"), unique("pool")
    start(studio, first, keep=8)
    until_ready(studio)
    start(studio, other, EnableInterContainerTrafficEncryption=True, keep=0)
    assert {f"warm False {other} None", "cached None"} <= {*log_lines(studio, other)}
    deadline = time.monotonic() + 20
    while pool_status(studio, first)["Status"] != "Terminated" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert pool_status(studio, first)["Status"] == "Terminated"
    client = docker.from_env()
    label = f"mlstudio.studio={studio.settings.studio_id}"
    kept = [label, "mlstudio.kind=WarmPool"]
    deadline = time.monotonic() + 30
    while left := client.containers.list(all=True, filters={"label": kept}):
        assert time.monotonic() < deadline, [(each.name, each.status) for each in left]
        time.sleep(0.2)
    client.close()


def test_a_lost_container_is_replaced(docker_studio: RunningStudio) -> None:
    studio = docker_studio
    first, second = unique("lost"), unique("lost")
    start(studio, first)
    until_ready(studio)
    client = docker.from_env()
    label = f"mlstudio.studio={studio.settings.studio_id}"
    for container in client.containers.list(filters={"label": label}):
        container.kill()
    client.close()
    job = start(studio, second, keep=5)
    lines = log_lines(studio, job["TrainingJobName"])
    assert {f"warm False {second} None", "cached []"} <= {*lines}


def test_an_image_without_python_has_no_pool(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("bare")
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    job = run(
        studio,
        foreign_image,
        name,
        ResourceConfig={**resources, "KeepAlivePeriodInSeconds": 60},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    deadline = time.monotonic() + 15
    while pool_status(studio, name)["Status"] != "Terminated" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert pool_status(studio, name)["Status"] == "Terminated"
    with pytest.raises(ClientError, match="with several instances"):
        run(
            studio,
            foreign_image,
            unique("many"),
            ResourceConfig={**resources, "InstanceCount": 2, "KeepAlivePeriodInSeconds": 60},
        )


def test_a_job_stopped_in_the_pool_stops(docker_studio: RunningStudio) -> None:
    studio, client = docker_studio, docker_studio.client("sagemaker")
    first, second = unique("stop"), unique("stop")
    start(studio, first)
    until_ready(studio)
    client.create_training_job(**wish(studio, second, keep=5))
    client.stop_training_job(TrainingJobName=second)
    assert wait(studio, second)["TrainingJobStatus"] in ("Stopped", "Completed")
