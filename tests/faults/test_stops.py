"""Processes that stand still for a while, and users who stop and delete in every state."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import invariants
from tests.conftest import RunningStudio
from tests.endpoints.world import until
from tests.jobs import jobs

from . import scenarios as do
from .doomed import PROCESSES, Doomed

pytestmark = [pytest.mark.soak, pytest.mark.docker, pytest.mark.timeout(600)]

SECONDS = 30
PATIENCE = 5.0
"""Seconds within which whatever runs has to answer."""

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def studio(
    make_studio: Callable[..., RunningStudio], tmp_path_factory: pytest.TempPathFactory
) -> Doomed:
    """Give a studio on Docker for the whole module."""
    return Doomed(make_studio("docker").settings, tmp_path_factory.mktemp("marks"))


@contextmanager
def standing_still(studio: Doomed, process: str) -> Iterator[None]:
    """Have a process of the studio stand still."""
    pid = studio.pid(process)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def answers_within(seconds: float, ask: Callable[[], Any]) -> None:
    """Ask something that has to be answered in time, be it with an error that says why."""
    began = time.monotonic()
    try:
        ask()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_stands_still_holds_up_no_other(studio: Doomed, process: str) -> None:
    name = f"still-{process}-{next(_NUMBERS)}"
    do.deploy(studio, name)
    work = "n=0; while [ $n -lt 300 ]; do n=$((n + 1)); echo line $n; sleep 0.1; done"
    changes = jobs.shell(studio, do.build(), name, work)
    request = jobs.request(studio, do.build(), name, **changes)
    do.create(studio.client("sagemaker").create_training_job, **request)
    jobs.wait_for(studio, name, "Training")
    once = Config(retries={"total_max_attempts": 1}, read_timeout=20)
    direct = {"sagemaker-runtime": {"endpoint_url": studio.settings.gateway_url}}
    sagemaker, s3, runtime = (
        RunningStudio.client(studio, service, config=once, **direct.get(service, {}))
        for service in ("sagemaker", "s3", "sagemaker-runtime")
    )
    questions: dict[str, Callable[[], Any]] = {
        "studio": lambda: sagemaker.describe_training_job(TrainingJobName=name),
        "s3": lambda: s3.put_object(Bucket=studio.bucket, Key=f"{name}/x", Body=b"x"),
        "gateway": lambda: runtime.invoke_endpoint(EndpointName=name, Body=b"x"),
    }
    with standing_still(studio, process):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for other in questions.keys() - {process}:
                answers_within(PATIENCE, questions[other])
            time.sleep(0.2)
    for ask in questions.values():
        answers_within(PATIENCE, ask)
    job = jobs.wait(studio, name, 120)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.log_lines(studio, name) == [f"line {n}" for n in range(1, 301)]
    do.remove(studio, name)
    for client in (sagemaker, s3, runtime):
        client.close()
    invariants.until_sound(studio.settings)


STATES = {
    "job.launch.tracked": "Starting",
    "job.launch.noted": "Downloading",
    "docker.created": "Downloading",
    "job.launch.started": "Downloading",
    "job.run.noted": "Training",
    "job.end.scanned": "Training",
    "job.end.recorded": "Uploading",
    "job.finish.published": "Uploading",
    "job.final.recorded": "Completed",
}
"""Points at which a job is held, and the state in which it is there."""


@pytest.mark.parametrize("point", STATES)
def test_stopping_twice_and_deleting_in_every_state(studio: Doomed, point: str) -> None:
    name, state = f"stop-{next(_NUMBERS)}", STATES[point]
    sagemaker = studio.client("sagemaker")
    studio.kill("studio")
    mark = studio.start_armed(point, action="hang")
    do.create(sagemaker.create_training_job, **do.training(studio, name))
    until(mark.exists, 60)
    job = sagemaker.describe_training_job(TrainingJobName=name)
    assert job["SecondaryStatus"] == state
    if state == "Completed":
        do.with_error(sagemaker.stop_training_job, "is in status Completed", TrainingJobName=name)
    else:
        with pytest.raises(ClientError, match="is in status InProgress"):
            sagemaker.delete_training_job(TrainingJobName=name)
        for _ in range(2):
            answers_within(PATIENCE, lambda: sagemaker.stop_training_job(TrainingJobName=name))
        with pytest.raises(ClientError, match="is in status Stopping"):
            sagemaker.delete_training_job(TrainingJobName=name)
    studio.kill("studio")
    studio.start()
    job = jobs.wait(studio, name, 120)
    assert job["TrainingJobStatus"] in ("Stopped", "Completed")
    if state in ("Starting", "Downloading"):
        assert job["TrainingJobStatus"] == "Stopped"
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps.count("Stopping") == (state != "Completed")
    do.with_error(sagemaker.stop_training_job, "is in status", TrainingJobName=name)
    sagemaker.delete_training_job(TrainingJobName=name)
    do.with_error(sagemaker.describe_training_job, "not found", TrainingJobName=name)
    invariants.until_sound(studio.settings)


@pytest.mark.parametrize(
    "point",
    ["endpoint.launch.noted", "endpoint.launch.fetched", "endpoint.launch.started",
     "endpoint.healthy", "endpoint.settled", "endpoint.routed"],
)  # fmt: skip
def test_an_endpoint_is_deleted_while_it_is_created(studio: Doomed, point: str) -> None:
    name = f"delete-{next(_NUMBERS)}"
    sagemaker = studio.client("sagemaker")
    studio.kill("studio")
    mark = studio.start_armed(point, action="hang")
    container = {"Image": do.model_image(), "ModelDataUrl": do.model_data(studio, name)}
    sagemaker.create_model(ModelName=name, PrimaryContainer=container)
    variants = [do.production(name)]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    until(mark.exists, 60)
    for _ in range(2):
        answers_within(PATIENCE, lambda: sagemaker.delete_endpoint(EndpointName=name))
    studio.kill("studio")
    studio.start()
    waiter = sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 400})
    invariants.until_sound(studio.settings)
