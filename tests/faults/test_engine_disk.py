"""The disk of the container engine runs full while a job runs and an endpoint serves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlstudio.core.collector import LOST
from tests import invariants
from tests.endpoints.shell import IMAGE as MODEL
from tests.jobs.jobs import log_lines, request, shell, unique, wait, wait_for_line
from tests.machine import lacks

from .dockerd import Daemon
from .test_disks import full
from .test_engine import Place, alone, counted, model, placed  # noqa: F401 - fixtures

pytestmark = [pytest.mark.docker, pytest.mark.soak]

SIZE = 64
"""MiB of the engine's disk."""
LINES = 400
FILLS = "cat /dev/zero > /tmp/x || { rm /tmp/x; echo 'I had no room' >&2; exit 9; }"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lacks(f"disks of a test's own cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def place(
    disk: Path,
    alone: None,  # noqa: F811 - the fixture
    model: bytes,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> Iterator[Place]:
    with placed(Daemon(data=disk / "data"), model, tmp_path / "studio") as made:
        yield made


@pytest.mark.timeout(1200)
def test_an_engine_whose_disk_is_full(place: Place, disk: Path) -> None:
    filling = place.train(1, FILLS)
    job = wait(place.studio, filling)
    assert job["TrainingJobStatus"] == "Failed"
    # That the disk is full, its own program has said when the engine could not keep a line.
    assert "I had no room" in job["FailureReason"]

    # An engine may never see that a container has ended while it could write nothing: this one ends
    # later.
    counting = place.train(LINES)
    wait_for_line(place.studio, counting, "line 20")
    with full(disk):
        refused = unique("world")
        place.studio.client("sagemaker").create_training_job(
            **request(
                place.studio,
                MODEL,
                refused,
                **shell(place.studio, MODEL, refused, "true"),
            )
        )
        job = wait(place.studio, refused)
        assert job["TrainingJobStatus"] == "Failed"
        assert "no space left on device" in job["FailureReason"]
        assert place.answer_time() < 5
        place.in_service()
        time.sleep(3)
    job = wait(place.studio, counting, 600)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    # What an engine cannot write to its disk, nobody can read there, nor maybe what follows.
    found = log_lines(place.studio, counting)
    numbers = [int(line.removeprefix("line ")) for line in found if line.startswith("line ")]
    assert numbers == sorted(set(numbers))
    assert set(range(1, 21)) <= set(numbers)
    assert numbers[-1] == LINES or found[-1] == LOST
    print(f"{len(numbers)} of {LINES} lines, the last: {found[-1]}")

    later = place.train(3)
    assert wait(place.studio, later)["TrainingJobStatus"] == "Completed"
    counted(place, later, 3)
    place.in_service()
    invariants.check(place.studio.settings, at_rest=False)
