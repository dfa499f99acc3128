"""What keeps folders in S3, against an S3 whose behaviour the test dictates."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.s3uri import S3Uri
from jupyter_mlstudio.jobs.sync import PERIOD, FolderSync, Synced

from .local import job_row, local_studio

FOLDERS = [Synced("/opt/ml/checkpoints", S3Uri("data", "ckpt"))]
PARTS = ["1"]
REFUSED = ClientError({"Error": {"Code": "SlowDown", "Message": "slow down"}}, "PutObject")


class Bucket:
    """Raises what it is told to, one after the other, then keeps what it is given."""

    def __init__(self) -> None:
        self.problems: list[Exception] = []
        self.kept: dict[str, bytes] = {}

    def upload_fileobj(self, body: IO[bytes], bucket: str, key: str) -> None:
        if self.problems:
            raise self.problems.pop(0)
        self.kept[key] = body.read()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with local_studio(tmp_path / "root", {}) as made:
        yield made


@pytest.fixture
def bucket(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(studio, "s3", lambda region: made)
    return made


def write(studio: Studio, job: Resource, name: str) -> None:
    """Write a checkpoint that has been left alone for a while."""
    path = studio.run_folder(job) / "opt/ml/checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ascii(name))
    os.utime(path, (time.time() - 60,) * 2)


def look(sync: FolderSync, job: Resource) -> None:
    """Have the folders looked at in the background, and wait until that is over."""
    assert sync.soon(job, PARTS, FOLDERS) == PERIOD
    deadline = time.monotonic() + 10
    while sync.busy(job):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("problem", [REFUSED, RuntimeError("nobody foresaw this")])
def test_whatever_goes_wrong_in_the_background_is_logged_and_tried_again(
    studio: Studio, bucket: Bucket, problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job, sync = job_row(studio), FolderSync(studio)
    write(studio, job, "epoch")
    bucket.problems = [problem]
    look(sync, job)
    assert bucket.kept == {}
    assert str(problem) in caplog.text
    assert "/opt/ml/checkpoints of job" in caplog.text
    look(sync, job)
    assert bucket.kept == {"ckpt/epoch": b"'epoch'"}
    # At the end it is whoever waits for it that hears.
    write(studio, job, "last")
    bucket.problems = [problem]
    with pytest.raises(type(problem)):
        sync.finish(job, PARTS, FOLDERS)
    sync.finish(job, PARTS, FOLDERS)
    assert set(bucket.kept) == {"ckpt/epoch", "ckpt/last"}


def test_names_that_are_no_text_are_shown_as_escapes(studio: Studio, bucket: Bucket) -> None:
    job, sync = job_row(studio), FolderSync(studio)
    write(studio, job, os.fsdecode(b"\xff.pt"))
    look(sync, job)
    sync.finish(job, PARTS, FOLDERS)
    assert set(bucket.kept) == {"ckpt/\\xff.pt"}


def test_jobs_without_such_folders_keep_no_thread_busy(
    studio: Studio, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, sync = job_row(studio), FolderSync(studio)
    looked: list[str] = []
    monkeypatch.setattr(sync, "_try", lambda job, part, folder: looked.append(part))
    studio.run_folder(job).mkdir(parents=True)
    look(sync, job)
    assert looked == []
    write(studio, job, "epoch")
    look(sync, job)
    assert looked == PARTS
