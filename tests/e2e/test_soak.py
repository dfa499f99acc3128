"""Many jobs while the studio and its processes are killed at random; run by ``make soak``."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from jupyter_mlstudio.studio import client
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import log_lines, request, wait

pytestmark = [pytest.mark.soak, pytest.mark.docker]

JOBS = 40
KILLS = 12
PATH = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.mark.timeout(3000)
def test_killing_the_studio_loses_no_job_and_no_line(
    make_studio: Callable[[str], RunningStudio],
) -> None:
    studio, image = make_studio("docker"), build()
    dice = random.Random(7)
    names = [f"soak-{n}" for n in range(JOBS)]
    for name in names:
        studio.client("sagemaker").create_training_job(
            **request(studio, image, name, HyperParameters={"lines": "20", "pause": "0.1"})
        )
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.1, 4))
        running = client.find(studio.settings)
        assert running is not None
        processes = running.health()["processes"]
        victim = dice.choice([running.pid, running.pid, *processes.values()])
        os.kill(victim, signal.SIGKILL)
        if victim == running.pid:
            studio.start()
    for name in names:
        job = wait(studio, name, 600)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
        assert [s for n, s in enumerate(steps) if n == 0 or steps[n - 1] != s] == PATH
        times = [step["StartTime"] for step in job["SecondaryStatusTransitions"]]
        assert times == sorted(times)
        lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
        assert lines == [f"line {n} loss=0.{n};" for n in range(1, 21)]
    deadline = time.monotonic() + 20
    while any(studio.settings.jobs.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(studio.settings.jobs.iterdir())
