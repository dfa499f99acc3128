"""Folders that S3 has while a job runs: checkpoints both ways, TensorBoard and the like."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

from jupyter_mlstudio.jobs.training.folders import check_folders
from jupyter_mlstudio.storage.beneath import files_beneath, open_beneath
from jupyter_mlstudio.wire.errors import AWSError
from tests.conftest import RunningStudio

from .jobs import (
    XGBOOST,
    get,
    log_lines,
    put,
    request,
    run,
    script_archive,
    shell,
    unique,
    wait,
    wait_for,
    wait_for_line,
)

SAVE = """
ls /opt/ml/checkpoints; cat /opt/ml/checkpoints/epoch 2>/dev/null
n=$(cat /opt/ml/checkpoints/epoch 2>/dev/null || echo 0)
echo $((n + 1)) > /opt/ml/checkpoints/epoch
mkdir -p /opt/ml/checkpoints/sub /opt/ml/output/tensorboard /opt/ml/output/intermediate
echo weights > "/opt/ml/checkpoints/sub/w $n.pt"
echo events > /opt/ml/output/tensorboard/events
echo early > /opt/ml/output/intermediate/early
ln -s /etc/passwd /opt/ml/checkpoints/link
rm -rf /opt/ml/output/tensors; ln -s /etc /opt/ml/output/tensors
echo saved; sleep $PAUSE
echo late > /opt/ml/checkpoints/late
"""


def keys(studio: RunningStudio, prefix: str) -> set[str]:
    page = studio.client("s3").list_objects_v2(Bucket=studio.bucket, Prefix=prefix)
    return {entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())}


def configured(studio: RunningStudio, image: str, name: str, pause: int) -> dict[str, Any]:
    target = f"s3://{studio.bucket}/{name}"
    return request(
        studio,
        image,
        name,
        **shell(studio, image, name, SAVE),
        Environment={"PAUSE": str(pause)},
        CheckpointConfig={"S3Uri": f"{target}/ckpt"},
        TensorBoardOutputConfig={"S3OutputPath": f"{target}/debug"},
        DebugHookConfig={"S3OutputPath": f"{target}/debug"},
    )


@pytest.mark.docker
@pytest.mark.timeout(120)
def test_checkpoints_go_both_ways_while_a_job_runs(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("ckpt")
    put(studio, {f"{name}/ckpt/epoch": b"4\n", f"{name}/ckpt/old/x": b"x"})
    client = studio.client("sagemaker")
    client.create_training_job(**configured(studio, foreign_image, name, 60))
    wait_for(studio, name, "Training")
    deadline = time.monotonic() + 40
    while "sub/w 4.pt" not in keys(studio, f"{name}/ckpt/") and time.monotonic() < deadline:
        time.sleep(0.3)
    assert keys(studio, f"{name}/ckpt/") == {"epoch", "old/x", "sub/w 4.pt"}
    assert get(studio, f"s3://{studio.bucket}/{name}/ckpt/epoch") == b"5\n"
    assert keys(studio, f"{name}/debug/") == {f"{name}/tensorboard-output/events"}
    assert keys(studio, f"out/{name}/output/") == {"intermediate/early"}
    studio.restart()
    client.stop_training_job(TrainingJobName=name)
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Stopped"
    lines = log_lines(studio, name)
    assert lines[lines.index("epoch") : lines.index("saved")] == ["epoch", "old", "4"]
    assert job["CheckpointConfig"] == {"S3Uri": f"s3://{studio.bucket}/{name}/ckpt"}


@pytest.mark.docker
def test_the_last_checkpoint_is_there_when_the_job_has_ended(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("late")
    job = run(studio, foreign_image, name, **configured(studio, foreign_image, name, 0))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert keys(studio, f"{name}/ckpt/") == {"epoch", "late", "sub/w 0.pt"}
    assert keys(studio, f"{name}/debug/") == {f"{name}/tensorboard-output/events"}


@pytest.mark.docker
@pytest.mark.timeout(120)
def test_a_retried_job_goes_on_from_its_checkpoint(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("goes-on")
    wish = configured(studio, foreign_image, name, 4)
    wish["RetryStrategy"] = {"MaximumRetryAttempts": 1}
    studio.client("sagemaker").create_training_job(**wish)
    wait_for_line(studio, name, "saved")
    # Not before its eyes: it would see the container killed, and only then gone.
    studio.stop()
    engine = docker.from_env()
    label = f"mlstudio.studio={studio.settings.studio_id}"
    for container in engine.containers.list(filters={"label": label}):
        container.remove(force=True)
    engine.close()
    studio.start()
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert get(studio, f"s3://{studio.bucket}/{name}/ckpt/epoch") == b"2\n"
    assert {"sub/w 0.pt", "sub/w 1.pt"} <= keys(studio, f"{name}/ckpt/")


def test_on_plain_processes_too(process_studio: RunningStudio) -> None:
    studio, name = process_studio, unique("process-ckpt")
    put(studio, {f"{name}/ckpt/old": b"1"})
    source = (
        "import os, pathlib\n"
        "folder = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR']) / 'checkpoints'\n"
        "print(sorted(path.name for path in folder.iterdir()))\n"
        "(folder / 'new').write_text('2')\n"
    )
    put(studio, {f"{name}/source.tar.gz": script_archive(source)})
    job = run(
        studio,
        XGBOOST,
        name,
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{studio.bucket}/{name}/source.tar.gz",
        },
        CheckpointConfig={"S3Uri": f"s3://{studio.bucket}/{name}/ckpt/"},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "['old']" in log_lines(studio, name)
    assert keys(studio, f"{name}/ckpt/") == {"old", "new"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "relative"}}, "absolute path"),
        ({"CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "/a/../etc"}}, "absolute path"),
        ({"CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "/"}}, "absolute path"),
        ({"CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "/opt/ml"}}, "other parts"),
        (
            {"CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "/opt/ml/input/data/a"}},
            "used by another part",
        ),
        ({"CheckpointConfig": {"S3Uri": "https://bkt/k"}}, "checkpointConfig.s3Uri"),
        (
            {
                "CheckpointConfig": {"S3Uri": "s3://bkt/k", "LocalPath": "/opt/ml/output/tensors"},
                "DebugHookConfig": {"S3OutputPath": "s3://bkt/k"},
            },
            "must lie apart",
        ),
    ],
)
def test_paths_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    wish = {"TrainingJobName": "j", "OutputDataConfig": {"S3OutputPath": "s3://bkt/out"}, **changes}
    with pytest.raises(AWSError, match=message):
        check_folders(wish)


def test_update_training_job(process_studio: RunningStudio) -> None:
    client = process_studio.client("sagemaker")
    with pytest.raises(ClientError, match="Requested resource not found"):
        client.update_training_job(TrainingJobName="none")
    name = unique("ended")
    client.create_training_job(**request(process_studio, "no-such-image", name))
    wait(process_studio, name)
    with pytest.raises(ClientError, match="is in status Failed"):
        client.update_training_job(TrainingJobName=name, ProfilerConfig={"DisableProfiler": True})


def test_no_link_leads_out_of_a_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    base = tmp_path / "base"
    (base / "a/b").mkdir(parents=True)
    (base / "a/b/file").write_text("fine")
    (base / "a/link").symlink_to(secret / "key")
    (base / "a/folder").symlink_to(secret)
    (base / "top").symlink_to(secret)
    os.mkfifo(base / "a/fifo")
    assert [file.path for file in files_beneath(base, "a")] == ["b/file"]
    assert list(files_beneath(base, "top")) == []
    assert list(files_beneath(base, "missing")) == []
    with open_beneath(base, "a/b/file") as file:
        assert file.read() == b"fine"
    for path in ("a/link", "a/folder/key", "top/key", "a/fifo", "a/b", "missing"):
        with pytest.raises(OSError), open_beneath(base, path):
            pass
    with pytest.raises(ValueError, match="leads out"), open_beneath(base, "../secret/key"):
        pass
