"""The clock of the machine is set, by hours and days, while jobs run and keys live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import botocore.auth
import psutil
import pytest

from jupyter_mlstudio import _identity
from jupyter_mlstudio.compute import docker_logs
from jupyter_mlstudio.core import clock, runfile, store
from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.jobs.status import IN_PROGRESS
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from jupyter_mlstudio.studio import client as studio_client
from tests import invariants
from tests.conftest import RunningStudio
from tests.jobs.jobs import (
    XGBOOST,
    log_lines,
    put,
    request,
    script_archive,
    unique,
    wait,
    wait_for,
)
from tests.machine import lacks

DAY = 86_400
JUMPS = (3600, -3600, DAY, -DAY)
LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
LINES = 80
SCRIPT = f"""
import time
for number in range(1, {LINES} + 1):
    print("line", number, flush=True)
    time.sleep(0.1)
"""


def test_what_has_passed_is_not_a_matter_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    began = clock.moment(ago=5)
    real = time.time
    for jump in JUMPS:
        monkeypatch.setattr("time.time", lambda jump=jump: real() + jump)
        assert 5 <= clock.since(began) < 8
    monkeypatch.setattr(clock, "boot", lambda: "another start of the machine")
    monkeypatch.setattr("time.time", lambda: real() + 60)
    assert 65 <= clock.since(began) < 68
    monkeypatch.setattr("time.time", lambda: real() - DAY)
    assert clock.since(began) == 0


def test_a_history_only_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store.Store(database)
    job = kept.create(
        TRAINING_JOB, "0" * 12, "r", "job", wish={}, status=IN_PROGRESS, step=("Starting", "")
    )
    real = store.now()
    for number, jump in enumerate(JUMPS):
        monkeypatch.setattr(store, "now", lambda jump=jump: real + jump)
        with kept.edit(job.uid) as draft:
            draft.step("Starting", f"step {number}")
    steps = kept.history(job.uid)
    starts = [step.started for step in steps]
    assert starts == sorted(starts)
    assert [step.ended for step in steps] == [*starts[1:], None]
    found = kept.by_uid(job.uid)
    assert found is not None
    assert found.modified == real + DAY


def test_a_process_is_known_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells when a process began by the clock as it is now."""
    note = {"pid": 1, "started": 0.0, "born": 0.0, "boot": _identity.boot(), "version": "1"}
    me = _identity.identity()
    real = psutil.boot_time()
    for jump in JUMPS:
        began = me["started"] + jump
        monkeypatch.setattr(psutil.Process, "create_time", lambda _, began=began: began)
        monkeypatch.setattr(psutil, "boot_time", lambda jump=jump: real + jump)
        found = runfile.RunFile(me["pid"], me["started"], "1", me["born"], me["boot"], dict(note))
        assert runfile.process_of(found, "pytest") is not None


def test_a_log_that_is_ahead_of_the_clock_is_read_from_its_start() -> None:
    now = time.time_ns()
    assert docker_logs.since_parameter(now + DAY * 10**9) == "0.000000000"
    assert docker_logs.since_parameter(now) != "0.000000000"


class FakedClock:
    """The clock of a studio and of all it starts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    def jump(self, seconds: int) -> None:
        self.seconds = seconds
        self._file.write_text(f"{seconds:+d}")


@pytest.fixture
def faked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakedClock:
    """Have what is started here see a clock that we set; requests are signed by it too."""
    if not LIBRARY.exists():
        lacks("no libfaketime (apt: faketime)")
    made = FakedClock(tmp_path / "clock")
    for name, value in {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
        "NO_FAKE_STAT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    real = botocore.auth.get_current_datetime

    def signed(*arguments: bool) -> datetime:
        return real(*arguments) + timedelta(seconds=made.seconds)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", signed)
    return made


@pytest.fixture
def studio(faked: FakedClock, tmp_path: Path) -> Iterator[RunningStudio]:
    made = RunningStudio(load_settings(tmp_path / "root", compute="process"))
    try:
        made.start()
        yield made
    finally:
        faked.jump(0)
        made.stop(containers=True)


@pytest.mark.soak
@pytest.mark.parametrize("jumps", [(3600, 0, -3600), (DAY, 0, -DAY), (-DAY, DAY, 0)])
def test_jobs_run_on(studio: RunningStudio, faked: FakedClock, jumps: tuple[int, ...]) -> None:
    name = unique("clock")
    put(studio, {f"{name}/source.tar.gz": script_archive(SCRIPT)})
    source = f'"s3://{studio.bucket}/{name}/source.tar.gz"'
    words = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": source}
    wish = request(studio, XGBOOST, name, HyperParameters=words)
    wish["StoppingCondition"] = {"MaxRuntimeInSeconds": 120}
    began = time.monotonic()
    studio.client("sagemaker").create_training_job(**wish)
    wait_for(studio, name, "Training")
    running = studio_client.find(studio.settings)
    for jump in jumps:
        time.sleep(1.5)
        faked.jump(jump)
        assert studio_client.find(studio.settings) == running
        studio.client("s3").list_buckets()
    studio.restart()
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job
    assert job["TrainingTimeInSeconds"] <= time.monotonic() - began
    times = [step["StartTime"] for step in job["SecondaryStatusTransitions"]]
    assert times == sorted(times)
    lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(1, LINES + 1)]
    faked.jump(0)
    studio.restart()
    invariants.until_sound(studio.settings)
