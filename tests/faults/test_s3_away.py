"""Another S3 is down, cut off or wrong, while jobs read from it and write to it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator

import pytest

from jupyter_mlstudio.core.settings import load_settings
from tests.conftest import RunningStudio
from tests.elsewhere import Elsewhere
from tests.jobs.jobs import (
    XGBOOST,
    channel,
    log_lines,
    put,
    request,
    script_archive,
    unique,
    wait,
    wait_for,
    wait_for_line,
)

from .proxy import Fault, Proxy

BUCKET = "world-elsewhere"
SCRIPT = """
import hashlib, os, time
folder = os.environ["SM_CHANNEL_TRAIN"]
for name in sorted(os.listdir(folder)):
    with open(os.path.join(folder, name), "rb") as file:
        print("read", name, hashlib.md5(file.read()).hexdigest(), flush=True)
time.sleep(2)
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w") as file:
    file.write("trained")
"""


@pytest.fixture(scope="module")
def proxy(other_s3: Elsewhere) -> Iterator[Proxy]:
    made = Proxy(int(other_s3.url.rpartition(":")[2]))
    yield made
    made.close()


@pytest.fixture(scope="module")
def studio(
    other_s3: Elsewhere, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in other_s3.environment.items():
            patch.setenv(name, value)
        settings = load_settings(
            tmp_path_factory.mktemp("away"),
            compute="process",
            s3_endpoint=f"http://127.0.0.1:{proxy.port}",
            s3_bucket=BUCKET,
        )
        made = RunningStudio(settings)
        made.start()
        yield made
        made.stop(containers=True)


@pytest.fixture
def data(studio: RunningStudio, proxy: Proxy) -> tuple[str, str]:
    """Have an object in a folder of its own; return the folder and the line that is right."""
    proxy.fault, proxy.hits = Fault.NONE, 0
    body = os.urandom(4 << 20)
    folder = unique("data")
    put(studio, {f"{folder}/x": body})
    return folder, f"read x {hashlib.md5(body).hexdigest()}"  # noqa: S324


def train(studio: RunningStudio, folder: str, fault: Fault, proxy: Proxy) -> str:
    """Start a job and have something happen to what it reads."""
    name = unique("away")
    put(studio, {f"{name}/source.tar.gz": script_archive(SCRIPT)})
    source = f'"s3://{studio.bucket}/{name}/source.tar.gz"'
    words = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": source}
    channels = [channel(studio, "train", f"{folder}/")]
    wish = request(studio, XGBOOST, name, HyperParameters=words, InputDataConfig=channels)
    proxy.fault = fault
    studio.client("sagemaker").create_training_job(**wish)
    return name


def said(studio: RunningStudio, name: str, words: str, seconds: float = 60) -> None:
    """Wait until the history of a job says something."""
    deadline = time.monotonic() + seconds
    while True:
        job = studio.client("sagemaker").describe_training_job(TrainingJobName=name)
        last = job["SecondaryStatusTransitions"][-1]
        if words in last["StatusMessage"]:
            assert job["TrainingJobStatus"] == "InProgress"
            return
        assert time.monotonic() < deadline, last
        time.sleep(0.2)


def down(studio: RunningStudio, proxy: Proxy, data: tuple[str, str], seconds: float) -> None:
    """Have the store away before a job starts, and before it ends."""
    folder, line = data
    name = train(studio, folder, Fault.DOWN, proxy)
    said(studio, name, "Waiting for input data: S3 is away")
    time.sleep(seconds)
    proxy.fault = Fault.NONE
    wait_for(studio, name, "Training")
    while line not in log_lines(studio, name):
        time.sleep(0.1)
    proxy.fault = Fault.DOWN
    said(studio, name, "S3 does not take the results (ServiceUnavailable): they are kept here", 120)
    time.sleep(seconds)
    proxy.fault = Fault.NONE
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    assert studio.client("s3").head_object(Bucket=BUCKET, Key=model)["ContentLength"]
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    path = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [s for n, s in enumerate(statuses) if n == 0 or statuses[n - 1] != s] == path


def test_a_store_that_is_down(studio: RunningStudio, proxy: Proxy, data: tuple[str, str]) -> None:
    down(studio, proxy, data, 0)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_store_that_is_down_for_minutes(
    studio: RunningStudio, proxy: Proxy, data: tuple[str, str]
) -> None:
    down(studio, proxy, data, 120)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_store_that_forbids_reading(
    studio: RunningStudio, proxy: Proxy, data: tuple[str, str]
) -> None:
    name = train(studio, data[0], Fault.FORBIDDEN, proxy)
    said(studio, name, "This step is tried again after: ClientError: Data download failed: s3://")
    job = wait(studio, name, 200)
    proxy.fault = Fault.NONE
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: Data download failed: s3://{BUCKET}")
    assert "403" in job["FailureReason"]
    lasted = job["TrainingEndTime"] - job["CreationTime"]
    assert lasted.total_seconds() > 60, "a rule that is just being changed is waited for"


def test_a_store_that_forbids_writing_for_a_while(
    studio: RunningStudio, proxy: Proxy, data: tuple[str, str]
) -> None:
    folder, line = data
    name = train(studio, folder, Fault.NONE, proxy)
    wait_for_line(studio, name, line)
    proxy.fault = Fault.FORBIDDEN
    said(studio, name, "S3 does not take the results (AccessDenied): they are kept here", 120)
    proxy.fault = Fault.NONE
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


@pytest.mark.parametrize(
    "fault",
    [Fault.FLIPPED, pytest.param(Fault.RESET, marks=pytest.mark.soak)],
    ids=lambda fault: fault.name,
)
def test_an_answer_that_is_cut_off_or_wrong(
    studio: RunningStudio, proxy: Proxy, data: tuple[str, str], fault: Fault
) -> None:
    folder, line = data
    name = train(studio, folder, fault, proxy)
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert line in log_lines(studio, name)
    assert proxy.hits == 1
