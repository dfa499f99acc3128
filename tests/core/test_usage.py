"""What containers use, from an engine that says what the test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlstudio.compute import machine
from jupyter_mlstudio.compute.protocol import (
    GPU_LABEL,
    ContainerSpec,
    EngineError,
    Usage,
)
from jupyter_mlstudio.core.cloudwatch import Wanted
from jupyter_mlstudio.core.controllers import KIND_LABEL, UID_LABEL
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from tests.core.fake_engine import FakeEngine
from tests.postgres import chosen

GIB = 1 << 30


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def studio(tmp_path: Path, engine: FakeEngine) -> Iterator[Studio]:
    made = Studio(load_settings(tmp_path, usage_seconds=0.3, **chosen()), engine)
    yield made
    made.close()


@pytest.fixture
def job(studio: Studio, engine: FakeEngine) -> Callable[..., Resource]:
    """Give a function that stores a job and starts its container."""

    def make(name: str, **labels: str) -> Resource:
        settings = studio.settings
        found = studio.store.create(
            TRAINING_JOB,
            settings.account,
            settings.region,
            name,
            wish={},
            facts={},
            status="InProgress",
        )
        ours = {UID_LABEL: found.uid, KIND_LABEL: found.kind, **labels}
        container = studio.container_name(found)
        engine.start(ContainerSpec(container, "image", settings.root, ours))
        return found

    return make


def used(at: float, cpu: float, network: int | None = None) -> Usage:
    return Usage(at, cpu, GIB, 4 * GIB, network, network, 12.5)


def values(studio: Studio, name: str) -> dict[str, list[float]]:
    """Return what was stored of the host of a job, by metric."""
    settings = studio.settings
    host = (("Host", f"{name}/algo-1"),)
    wanted = Wanted(settings.account, settings.region, 0, "/aws/sagemaker/TrainingJobs", None, host)
    return {
        metric.name: [s.total for s in studio.cloudwatch.samples(metric, 0, 2e9)]
        for metric in studio.cloudwatch.metrics(wanted)
    }


def test_utilization_is_of_cores_and_bytes_are_of_the_time_between(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource]
) -> None:
    name = studio.container_name(job("j"))
    start = 1_700_000_000.0 + 3600
    for seconds, cpu, network in ((0, 100.0, 1000), (10, 115.0, 5000), (20, 115.0, 5000)):
        engine.usage[name] = used(start + seconds, cpu, network)
        studio.sampler.sample()
    found = values(studio, "j")
    assert found == {
        "CPUUtilization": [150.0, 0.0],
        "MemoryUtilization": [25.0, 25.0, 25.0],
        "DiskUtilization": [12.5, 12.5, 12.5],
        "NetworkIn": [4000.0, 0.0],
        "NetworkOut": [4000.0, 0.0],
    }


def test_a_container_that_just_started_is_measured_from_its_start(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource]
) -> None:
    engine.usage[studio.container_name(job("j"))] = used(1_700_000_000.0 + 0.5, 0.25)
    studio.sampler.sample()
    found = values(studio, "j")
    assert found["CPUUtilization"] == [50.0]
    assert "NetworkIn" not in found


def test_a_restart_repeats_and_invents_nothing(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource]
) -> None:
    name = studio.container_name(job("j"))
    engine.usage[name] = used(1_700_000_000.0 + 3600, 100.0, 1000)
    studio.sampler.sample()
    studio.database.close()
    again = Studio(studio.settings, engine)
    engine.usage[name] = used(1_700_000_000.0 + 3610, 200.0, 9000)
    again.sampler.sample()
    found = values(again, "j")
    assert found["MemoryUtilization"] == [25.0, 25.0]
    assert not found.keys() & {"CPUUtilization", "NetworkIn"}
    again.close()


def test_one_container_that_hangs_keeps_no_other_waiting(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource], monkeypatch: Any
) -> None:
    names = [studio.container_name(job(f"j{number}")) for number in range(20)]
    now = time.time()
    engine.usage.update({name: used(now, 1.0) for name in names})
    answer, hang = engine.stats, threading.Event()

    def stats(name: str) -> Usage | None:
        if name == names[3]:
            hang.wait(20)
        return answer(name)

    monkeypatch.setattr(engine, "stats", stats)
    began = time.monotonic()
    studio.sampler.sample()
    assert time.monotonic() - began < 5
    hang.set()
    assert all(values(studio, f"j{number}") for number in range(20) if number != 3)
    assert values(studio, "j3") == {}


def test_a_container_under_another_name_is_found_again(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource]
) -> None:
    """A warm pool gives its containers to the next job, and nothing starts."""
    first, second = job("first"), job("second")
    old, new = studio.container_name(first), studio.container_name(second)
    state = engine.states.pop(new)
    engine.usage[old] = used(time.time(), 1.0)
    studio.sampler.sample()
    engine.states[new] = replace(engine.states.pop(old), name=state.name)
    engine.usage = {new: used(time.time(), 2.0)}
    studio.sampler.sample()
    studio.sampler.sample()
    assert len(values(studio, "first")["MemoryUtilization"]) == 1
    assert "MemoryUtilization" in values(studio, "second")


def test_an_engine_out_of_reach_is_asked_again(
    studio: Studio, engine: FakeEngine, job: Callable[..., Resource]
) -> None:
    name = studio.container_name(job("j"))
    engine.usage[name] = used(time.time(), 1.0)
    engine.down = True
    with pytest.raises(EngineError):
        studio.sampler.sample()
    studio.sampler.start()
    time.sleep(0.5)
    assert values(studio, "j") == {}
    engine.down = False
    deadline = time.monotonic() + 10
    while not values(studio, "j") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert values(studio, "j")["MemoryUtilization"][0] == 25.0


def test_gpus_are_added_up(
    studio: Studio,
    engine: FakeEngine,
    job: Callable[..., Resource],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\nprintf '0, 90, 1000, 4000\\n1, 50, 2000, 4000\\n2, [N/A], 1, 2\\n'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert machine.gpu_usage() == {"0": (90.0, 25.0), "1": (50.0, 50.0)}
    engine.usage[studio.container_name(job("j", **{GPU_LABEL: "0,1"}))] = used(time.time(), 1.0)
    studio.sampler.sample()
    found = values(studio, "j")
    assert found["GPUUtilization"] == [140.0]
    assert found["GPUMemoryUtilization"] == [75.0]
