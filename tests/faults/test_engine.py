"""The container engine stops, hangs, dies and comes back while jobs run and an endpoint serves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.studio import client as studio_client
from tests import invariants
from tests.conftest import RunningStudio
from tests.endpoints.shell import IMAGE as MODEL
from tests.endpoints.shell import image as build_model
from tests.endpoints.shell import pack
from tests.endpoints.world import production
from tests.jobs.jobs import log_lines, put, request, shell, unique, wait, wait_for

from .dockerd import Daemon, network

pytestmark = pytest.mark.docker

PATIENCE = 30.0
"""Seconds until an endpoint is in service again after its engine is."""

COUNT = """
n=0; while [ $n -lt $1 ]; do n=$((n + 1)); echo "line $n"; sleep 0.1; done
echo done > /opt/ml/model/done
"""
MEEK = f"trap 'exit 0' TERM\n{COUNT}"
"""Ends well when it is told to end, whoever says so."""


@pytest.fixture
def alone() -> Iterator[None]:
    with network():
        yield


@pytest.fixture(scope="module")
def model() -> bytes:
    """Have the image that serves here, and what it serves."""
    client = docker.APIClient(version="auto", timeout=60)
    build_model(client)
    client.close()
    return pack({"name": "here"}, "w:gz")


class Place:
    """A studio on an engine of its own, with an endpoint."""

    def __init__(self, studio: RunningStudio, engine: Daemon) -> None:
        self.studio, self.engine = studio, engine

    def train(self, lines: int, script: str = COUNT, **changes: Any) -> str:
        name = unique("world")
        self.studio.client("sagemaker").create_training_job(
            **request(
                self.studio,
                MODEL,
                name,
                **shell(self.studio, MODEL, name, script, str(lines)),
                **changes,
            )
        )
        wait_for(self.studio, name, "Training")
        return name

    def deploy(self, model: bytes) -> None:
        put(self.studio, {"model.tar.gz": model})
        sagemaker = self.studio.client("sagemaker")
        data = f"s3://{self.studio.bucket}/model.tar.gz"
        sagemaker.create_model(
            ModelName="m",
            PrimaryContainer={"Image": MODEL, "ModelDataUrl": data},
            ExecutionRoleArn=self.studio.role,
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName="m", ProductionVariants=[production("m")]
        )
        sagemaker.create_endpoint(EndpointName="m", EndpointConfigName="m")
        self.in_service()

    def in_service(self) -> float:
        """Wait until the endpoint answers; return how long that took."""
        began = time.monotonic()
        runtime = self.studio.client("sagemaker-runtime")
        while True:
            status = self.status()
            if status == "InService":
                try:
                    answer = runtime.invoke_endpoint(EndpointName="m", Body=b"x")
                except runtime.exceptions.ClientError:
                    pass
                else:
                    assert answer["Body"].read() == b"x here read-only"
                    return time.monotonic() - began
            assert time.monotonic() - began < PATIENCE, status
            time.sleep(0.2)

    def status(self) -> str:
        found = self.studio.client("sagemaker").describe_endpoint(EndpointName="m")
        return str(found["EndpointStatus"])

    def answer_time(self) -> float:
        """Return how long the slowest of some questions took."""
        sagemaker = self.studio.client("sagemaker")
        slowest = 0.0
        for ask in (
            sagemaker.list_training_jobs,
            sagemaker.list_endpoints,
            self.health,
            self.status,
        ):
            began = time.monotonic()
            ask()
            slowest = max(slowest, time.monotonic() - began)
        return slowest

    def health(self) -> dict[str, Any]:
        found = studio_client.find(self.studio.settings)
        assert found is not None
        return found.health(timeout=10)

    def containers(self) -> list[str]:
        client = docker.APIClient(self.engine.url, version="auto", timeout=10)
        label = f"mlstudio.studio={self.studio.settings.studio_id}"
        found = client.containers(filters={"label": label})
        client.close()
        return sorted(entry["Names"][0] for entry in found)


@contextmanager
def placed(engine: Daemon, model: bytes, root: Path) -> Iterator[Place]:
    """Run a studio with an endpoint on an engine of its own."""
    source = docker.APIClient(version="auto", timeout=60)
    studio = RunningStudio(load_settings(root, compute="docker"))
    made = Place(studio, engine)
    with pytest.MonkeyPatch.context() as patch:
        try:
            engine.start()
            engine.load(MODEL, source)
            source.close()
            patch.setenv("DOCKER_HOST", engine.url)
            studio.start()
            made.deploy(model)
            yield made
        finally:
            try:
                if not engine.answers():
                    engine.crash()
                    engine.start()
                studio.stop(containers=True)
            finally:
                engine.close()


@pytest.fixture
def place(
    request: pytest.FixtureRequest,
    alone: None,
    model: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    engine = Daemon(*getattr(request, "param", ()))
    with placed(engine, model, tmp_path_factory.mktemp("studio")) as made:
        yield made


def steps(place: Place, name: str) -> list[str]:
    job = place.studio.client("sagemaker").describe_training_job(TrainingJobName=name)
    times = [step["StartTime"] for step in job["SecondaryStatusTransitions"]]
    assert times == sorted(times)
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def counted(place: Place, name: str, lines: int) -> None:
    """See that every line of a job is there once and in order."""
    found = [line for line in log_lines(place.studio, name) if line.startswith("line")]
    assert found == [f"line {n}" for n in range(1, lines + 1)]


@pytest.mark.soak
def test_an_engine_that_hangs(place: Place) -> None:
    hung = place.train(60)
    later = unique("world")
    place.engine.hang()
    slowest = max(place.answer_time() for _ in range(3))
    assert place.status() == "InService"
    began = time.monotonic()
    place.studio.client("sagemaker").create_training_job(
        **request(place.studio, MODEL, later, **shell(place.studio, MODEL, later, COUNT, "3"))
    )
    slowest = max(slowest, time.monotonic() - began)
    place.engine.go_on()
    assert slowest < 5
    for name, lines in ((hung, 60), (later, 3)):
        assert wait(place.studio, name)["TrainingJobStatus"] == "Completed"
        counted(place, name, lines)
    place.in_service()
    assert len(place.containers()) == 1
    invariants.check(place.studio.settings, at_rest=False)


def reboot(place: Place) -> None:
    """Take everything away that a machine without power does."""
    found = studio_client.find(place.studio.settings)
    assert found is not None
    for pid in (found.pid, *found.health()["processes"].values()):
        os.kill(pid, signal.SIGKILL)
    place.engine.crash()


ENDS: dict[str, Callable[[Place], None]] = {
    "stopped": lambda place: place.engine.stop(),
    "killed": lambda place: place.engine.kill(),
    "crashed": lambda place: place.engine.crash(),
    "rebooted": reboot,
}


@pytest.mark.parametrize(
    "end",
    ["stopped", *(pytest.param(how, marks=pytest.mark.soak) for how in list(ENDS)[1:])],
)
def test_an_engine_that_is_gone_and_comes_back(place: Place, end: str) -> None:
    name = place.train(60, MEEK, RetryStrategy={"MaximumRetryAttempts": 1})
    ENDS[end](place)
    if end != "rebooted":
        assert place.answer_time() < 5
    place.engine.start()
    if end == "rebooted":
        place.studio.start()
    print(f"{end}: in service again after {place.in_service():.1f} s")
    job = wait(place.studio, name)
    assert job["TrainingJobStatus"] == "Completed"
    said = [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]]
    (retry,) = [text for text in said if text.startswith("Retry 1 of 1 after: ")]
    assert "the machine was restarted" in retry
    assert len(place.containers()) == 1
    invariants.check(place.studio.settings, at_rest=False)


@pytest.mark.soak
def test_a_job_that_is_not_to_be_retried_says_why_it_failed(place: Place) -> None:
    name = place.train(600, MEEK)
    place.engine.stop()
    place.engine.start()
    job = wait(place.studio, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "the machine was restarted" in job["FailureReason"]
    assert steps(place, name)[-3:] == ["Training", "Uploading", "Failed"]


@pytest.mark.soak
@pytest.mark.parametrize("place", [("--live-restore",)], indirect=True)
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_an_engine_whose_containers_go_on_without_it(place: Place, end: str) -> None:
    name = place.train(120)
    before = place.containers()
    ENDS[end](place)
    time.sleep(3)
    assert place.answer_time() < 5
    place.engine.start()
    place.in_service()
    assert wait(place.studio, name)["TrainingJobStatus"] == "Completed"
    counted(place, name, 120)
    assert set(place.containers()) < set(before)
    # Such an engine keeps the volumes that were mounted until it is restarted once more.
    problems = invariants.problems(place.studio.settings, at_rest=False)
    assert all("The volume" in problem for problem in problems)
    place.engine.stop()
    place.engine.start()
    deadline = time.monotonic() + PATIENCE
    while invariants.problems(place.studio.settings, at_rest=False):
        assert time.monotonic() < deadline
        time.sleep(1)
