"""Each disk of a studio runs full while jobs run, and has room again."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jupyter_mlstudio.core.settings import load_settings
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

DISKS = ("db", "jobs", "logs", "objects")
SIZE = 160
"""MiB of each."""

LINES = 60
PRINTS = f"""
import os, time
for number in range(1, {LINES} + 1):
    print("line", number, flush=True)
    time.sleep(0.1)
"""
FILLS = """
import os
with open(os.environ["SM_MODEL_DIR"] + "/x", "wb") as file:
    while True:
        file.write(bytes(1 << 20))
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Give a root each of whose folders is a small disk."""
    root = tmp_path / "root"
    mounted: list[Path] = []
    try:
        for name in DISKS:
            folder = root / name
            folder.mkdir(parents=True, mode=0o700)
            options = f"size={SIZE}m,mode=0700"
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lacks(f"disks of a test's own cannot be mounted: {done.stderr.strip()}")
            mounted.append(folder)
        yield root
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def studio(root: Path) -> Iterator[RunningStudio]:
    studio = RunningStudio(load_settings(root, compute="process"))
    try:
        studio.start()
        yield studio
    finally:
        studio.stop(containers=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no byte on a disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        block = bytes(1 << 20)
        while block:
            try:
                file.write(block)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                block = block[: len(block) // 2]
    try:
        yield
    finally:
        ballast.unlink()


def train(studio: RunningStudio, script: str) -> str:
    name = unique("full")
    put(studio, {f"{name}/source.tar.gz": script_archive(script)})
    source = f'"s3://{studio.bucket}/{name}/source.tar.gz"'
    words = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": source}
    studio.client("sagemaker").create_training_job(
        **request(studio, XGBOOST, name, HyperParameters=words)
    )
    wait_for(studio, name, "Training")
    return name


def printed(studio: RunningStudio, name: str) -> None:
    lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(1, LINES + 1)]


def refused(studio: RunningStudio) -> None:
    """See that a new job is refused at once, with words that help."""
    began = time.monotonic()
    with pytest.raises(ClientError, match=r"ResourceLimitExceeded.*no space left"):
        studio.client("sagemaker").create_training_job(**request(studio, XGBOOST, unique("more")))
    assert time.monotonic() - began < 5


def test_the_disks_of_the_database_and_of_logs(studio: RunningStudio) -> None:
    once = studio.client("sagemaker", config=Config(retries={"total_max_attempts": 1}))
    name = train(studio, PRINTS)
    acknowledged: list[str] = []
    with full(studio.settings.root / "db"), full(studio.settings.root / "logs"):
        refused(studio)
        with pytest.raises(ClientError, match=r"ServiceUnavailable.*No space left on its disk"):
            for _ in range(1000):
                group = unique("group")
                once.create_model_package_group(ModelPackageGroupName=group)
                acknowledged.append(group)
        assert once.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
        time.sleep(1)
    once.create_model_package_group(ModelPackageGroupName="later")
    assert wait(studio, name)["TrainingJobStatus"] == "Completed"
    printed(studio, name)
    found = once.get_paginator("list_model_package_groups").paginate()
    names = {g["ModelPackageGroupName"] for p in found for g in p["ModelPackageGroupSummaryList"]}
    assert names == {*acknowledged, "later"}
    studio.restart()
    invariants.until_sound(studio.settings)


@pytest.mark.soak
def test_the_disks_of_jobs_and_objects(studio: RunningStudio) -> None:
    failing = train(studio, FILLS)
    job = wait(studio, failing)
    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in job["FailureReason"]
    deadline = time.monotonic() + 60
    while os.listdir(studio.settings.jobs):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    name = train(studio, PRINTS)
    objects = studio.settings.objects
    with full(objects):
        refused(studio)
        s3 = studio.client("s3", config=Config(retries={"total_max_attempts": 1}))
        with pytest.raises(ClientError, match="no space left"):
            s3.put_object(Bucket=studio.bucket, Key="x", Body=bytes(1 << 20))
        said = ""
        deadline = time.monotonic() + 60
        while "S3 does not take the results" not in said:
            assert time.monotonic() < deadline, said
            time.sleep(0.5)
            job = studio.client("sagemaker").describe_training_job(TrainingJobName=name)
            said = job["SecondaryStatusTransitions"][-1]["StatusMessage"]
        assert job["SecondaryStatus"] == "Uploading"
        assert not list((objects / "incoming").iterdir())
    assert wait(studio, name)["TrainingJobStatus"] == "Completed"
    printed(studio, name)
    assert not (objects / "ballast").exists()
    assert os.listdir(studio.settings.jobs) == []
    invariants.until_sound(studio.settings)
