"""Stopping: what a killed studio left, what does not want to end, and what is said of it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_mlstudio.cli import commands
from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.studio import children, client, containers
from jupyter_mlstudio.studio.client import StudioError
from jupyter_mlstudio.studio.lock import LockHeld, StudioLock
from tests.conftest import RunningStudio
from tests.jobs.images import build

STUBBORN = "trap '' TERM; echo up; while true; do sleep 0.1; done"
OBEDIENT = "trap 'exit 0' TERM; echo up; while true; do sleep 0.1; done"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    """Give a studio on Docker of the test's own."""
    running = RunningStudio(load_settings(tmp_path / "root", compute="docker"))
    running.start()
    yield running
    running.stop()
    running.forget()


def train(studio: RunningStudio, script: str) -> None:
    """Start a training job that runs a shell script."""
    studio.client("sagemaker").create_training_job(
        TrainingJobName="long",
        AlgorithmSpecification={
            "TrainingImage": build(),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c"],
            "ContainerArguments": [script],
        },
        RoleArn=studio.role,
        OutputDataConfig={"S3OutputPath": f"s3://{studio.bucket}/out"},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    wait_for(lambda: containers.running(studio.settings))


def status(studio: RunningStudio) -> str:
    """Return how the job is."""
    found = studio.client("sagemaker").describe_training_job(TrainingJobName="long")
    return str(found["TrainingJobStatus"])


def kill_studio(settings: Settings) -> None:
    """Kill the studio, and nothing else."""
    found = client.find(settings)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    wait_for(lambda: client.holder(settings) is None and lock_is_free(settings))


def lock_is_free(settings: Settings) -> bool:
    """Say whether the killed studio's threads are all gone, and its lock with them."""
    try:
        with StudioLock(client.lock_file(settings)):
            return True
    except LockHeld:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def stop(settings: Settings, *options: str) -> int:
    return commands.main(["stop", "--root", str(settings.root), *options])


def test_what_a_killed_studio_left_is_ended(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    processes = client.ensure(settings).health()["processes"].values()
    kill_studio(settings)
    assert all(psutil.pid_exists(pid) for pid in processes)
    assert stop(settings) == 0
    out = capsys.readouterr().out
    assert "No studio ran" in out
    assert "s3, gateway" in out
    assert not any(psutil.pid_exists(pid) for pid in processes)
    assert not list(settings.run.glob("s3.json")) + list(settings.run.glob("gateway.json"))
    assert stop(settings) == 0
    assert capsys.readouterr().out == f"No studio runs on {settings.root}.\n"


def test_another_process_with_a_noted_pid_is_left_alone(settings: Settings) -> None:
    settings.run.mkdir(parents=True)
    note = {"pid": os.getpid(), "started": time.time(), "version": "1"}
    (settings.run / "s3.json").write_text(json.dumps(note))
    assert client.stop(settings) is False


def test_what_is_left_is_not_ended_below_a_studio_that_comes_up(settings: Settings) -> None:
    client.ensure(settings)
    kill_studio(settings)
    with (
        StudioLock(client.lock_file(settings)),
        pytest.raises(StudioError, match="has just been started"),
    ):
        client.stop(settings)
    assert len(children.left(settings.run)) == 2


def test_the_next_studio_does_not_obey_what_a_killed_one_was_told(settings: Settings) -> None:
    client.ensure(settings)
    client.stop_request(settings).touch()
    kill_studio(settings)
    client.ensure(settings)
    assert not client.stop_request(settings).exists()


def test_an_engine_that_cannot_be_asked_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_settings(settings.root, compute="docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{settings.root}/no.sock")
    assert stop(settings) == 0
    assert "cannot be said" in capsys.readouterr().err
    assert stop(settings, "--all") == 1


@pytest.mark.docker
def test_all_stops_the_jobs_of_a_killed_studio_in_their_order(
    studio: RunningStudio, capsys: pytest.CaptureFixture[str]
) -> None:
    train(studio, OBEDIENT)
    kill_studio(studio.settings)
    assert stop(studio.settings) == 0
    assert "Going on: 1 container;" in capsys.readouterr().out
    assert containers.running(studio.settings)
    assert stop(studio.settings, "--all") == 0
    assert "Stopped 1 container." in capsys.readouterr().out
    assert not containers.running(studio.settings)
    assert client.holder(studio.settings) is None
    studio.start()
    assert status(studio) == "Stopped"


@pytest.mark.docker
def test_all_stops_containers_where_no_studio_starts(studio: RunningStudio) -> None:
    train(studio, OBEDIENT)
    kill_studio(studio.settings)
    client.stop(studio.settings)
    studio.settings.objects.rename(studio.settings.root / "aside")
    studio.settings.objects.write_text("not a folder")
    assert stop(studio.settings, "--all") == 0
    assert not containers.running(studio.settings)


@pytest.mark.docker
def test_all_kills_a_job_that_ignores_sigterm(
    studio: RunningStudio, capsys: pytest.CaptureFixture[str]
) -> None:
    train(studio, STUBBORN)
    began = time.monotonic()
    assert stop(studio.settings, "--all") == 0
    assert time.monotonic() - began < 60
    assert "Stopped 1 container." in capsys.readouterr().out
    assert not containers.running(studio.settings)


@pytest.mark.docker
def test_what_is_left_is_said_and_no_success(
    studio: RunningStudio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(studio, OBEDIENT)
    monkeypatch.setattr(client, "stop_request", lambda settings: settings.run / "mislaid")
    assert stop(studio.settings, "--all") == 1
    captured = capsys.readouterr()
    assert "Stopped" not in captured.out
    assert "Still running: 1 container (mls-" in captured.err
    monkeypatch.undo()
    assert stop(studio.settings, "--all") == 0
