"""The clock of the machine is set, by hours and days."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from jupyter_mlstudio import _identity
from jupyter_mlstudio.compute import docker_logs
from jupyter_mlstudio.core import clock, runfile, store
from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.jobs.status import IN_PROGRESS
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB

DAY = 86_400
JUMPS = (3600, -3600, DAY, -DAY)


def test_what_has_passed_is_not_a_matter_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    began = clock.moment(ago=5)
    real = time.time
    for jump in JUMPS:
        monkeypatch.setattr("time.time", lambda jump=jump: real() + jump)
        assert 4.9 < clock.since(began) < 8
    monkeypatch.setattr(clock, "boot", lambda: "another start of the machine")
    monkeypatch.setattr("time.time", lambda: real() + 60)
    assert 64.9 < clock.since(began) < 68
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
    marker = psutil.Process().cmdline()[0]
    real = psutil.boot_time()
    for jump in JUMPS:
        began = me["started"] + jump
        monkeypatch.setattr(psutil.Process, "create_time", lambda _, began=began: began)
        monkeypatch.setattr(psutil, "boot_time", lambda jump=jump: real + jump)
        found = runfile.RunFile(me["pid"], me["started"], "1", me["born"], me["boot"], dict(note))
        assert runfile.process_of(found, marker) is not None


def test_a_log_that_is_ahead_of_the_clock_is_read_from_its_start() -> None:
    now = time.time_ns()
    assert docker_logs.since_parameter(now + DAY * 10**9) == "0.000000000"
    assert docker_logs.since_parameter(now) != "0.000000000"
