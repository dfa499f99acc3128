"""Training jobs in real containers, asked for with a real boto3."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from jupyter_mlstudio.studio import client as studio_client
from tests.conftest import RunningStudio

from .images import build
from .jobs import (
    GROUP,
    XGBOOST,
    channel,
    get,
    log_lines,
    members,
    put,
    request,
    run,
    script_archive,
    unique,
    wait,
    wait_for,
)

pytestmark = pytest.mark.docker


def test_a_foreign_container_finds_the_contract_and_leaves_its_model(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("contract")
    put(studio, {f"{name}/in/a.csv": b"1,10\n", f"{name}/in/sub/b.csv": b"2,30\n"})
    put(studio, {f"{name}/in/sub": b"a file named as the folder beside it is refused"})
    studio.client("s3").delete_object(Bucket=studio.bucket, Key=f"{name}/in/sub")
    job = run(
        studio,
        foreign_image,
        name,
        HyperParameters={"lines": "3", "quote": 'a "b" $(c)'},
        Environment={"COLOUR": "blue green"},
        InputDataConfig=[channel(studio, "train", f"{name}/in/", ContentType="text/csv")],
        AlgorithmSpecification={
            "TrainingImage": foreign_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["SecondaryStatus"] == "Completed"
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{studio.bucket}/out/{name}/output/model.tar.gz"
    assert members(get(studio, uri)) == {"mean": b"10\n"}
    output = uri.replace("model.tar.gz", "output.tar.gz")
    assert members(get(studio, output)) == {"side.txt": b"side result\n"}
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], round(metric["Value"], 6)) == ("loss", 0.3)

    lines = log_lines(studio, name)
    assert [line for line in lines if line.startswith("line ")] == [
        f"line {n} loss=0.{n};" for n in (1, 2, 3)
    ]
    assert "host algo-1 runs as 0" in lines
    inputs = [line.split()[1:3] for line in lines if line.startswith("input ")]
    assert inputs == [["train", "./a.csv"], ["train", "./sub/b.csv"]]
    config = {
        parts[1]: json.loads(parts[2])
        for parts in (line.split(" ", 2) for line in lines if line.startswith("config "))
    }
    assert config["hyperparameters.json"] == {"lines": "3", "quote": 'a "b" $(c)'}
    assert config["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert config["resourceconfig.json"]["current_host"] == "algo-1"
    assert config["inputdataconfig.json"]["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    environment = dict(line[4:].split("=", 1) for line in lines if line.startswith("env "))
    assert environment["COLOUR"] == "blue green"
    assert environment["TRAINING_JOB_NAME"] == name
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert environment["AWS_REGION"] == "us-east-1"
    assert any(name.startswith("AWS_CONTAINER_CREDENTIALS_") for name in environment)
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_an_image_that_runs_as_somebody_else_can_read_and_write(
    docker_studio: RunningStudio,
) -> None:
    studio, name = docker_studio, unique("nobody")
    put(studio, {f"{name}/in/a.csv": b"1,10\n"})
    job = run(
        studio,
        build("nobody"),
        name,
        HyperParameters={"scribble": "yes"},
        InputDataConfig=[channel(studio, "train", f"{name}/in/")],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = log_lines(studio, name)
    assert "host algo-1 runs as 65534" in lines
    assert members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"])) == {"mean": b"10\n"}


def test_what_a_container_does_to_its_input_does_not_touch_the_objects(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("scribble")
    body = os.urandom(100_000)
    put(studio, {f"{name}/in/data.bin": body})
    job = run(
        studio,
        foreign_image,
        name,
        HyperParameters={"scribble": "yes"},
        InputDataConfig=[channel(studio, "train", f"{name}/in")],
    )
    assert job["TrainingJobStatus"] == "Completed"
    seen = next(line for line in log_lines(studio, name) if line.startswith("input "))
    assert seen.split()[-1] == hashlib.md5(body).hexdigest()  # noqa: S324 - what md5sum printed
    assert get(studio, f"s3://{studio.bucket}/{name}/in/data.bin") == body


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        (
            {"failure": "bad data in row 7", "exit": "3"},
            "AlgorithmError: bad data in row 7, exit code: 3",
        ),
        ({"exit": "137"}, "exit code: 137 (SIGKILL)"),
    ],
)
def test_a_failure_says_why(
    docker_studio: RunningStudio, foreign_image: str, hyperparameters: dict[str, str], reason: str
) -> None:
    name = unique("failure")
    job = run(docker_studio, foreign_image, name, HyperParameters=hyperparameters)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].endswith(reason)
    waiter = docker_studio.client("sagemaker").get_waiter("training_job_completed_or_stopped")
    with pytest.raises(WaiterError, match="terminal failure state"):
        waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 2})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"InputDataConfig": "missing"},
            "ClientError: Data download failed: No S3 objects found under S3 URL",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/x"}},
            "ClientError: The bucket no-such-bucket",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "mlstudio-test/not-there:1",
                    "TrainingInputMode": "File",
                }
            },
            "ClientError: ",
        ),
    ],
)
def test_what_cannot_start_fails_with_a_client_error(
    docker_studio: RunningStudio, foreign_image: str, changes: dict[str, Any], reason: str
) -> None:
    if changes.get("InputDataConfig") == "missing":
        changes = {"InputDataConfig": [channel(docker_studio, "train", "nothing/here")]}
    job = run(docker_studio, foreign_image, unique("client-error"), **changes)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)


def test_stopping_lets_the_container_save_its_model(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("stop")
    sagemaker = studio.client("sagemaker")
    sagemaker.create_training_job(
        **request(studio, foreign_image, name, HyperParameters={"wait": "60"})
    )
    wait_for(studio, name, "Training")
    sagemaker.stop_training_job(TrainingJobName=name)
    sagemaker.stop_training_job(TrainingJobName=name)
    job = wait(studio, name, 30)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "stopped" in members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    with pytest.raises(ClientError, match=r"ValidationException.*in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_the_time_limit_stops_a_job(docker_studio: RunningStudio, foreign_image: str) -> None:
    name = unique("limit")
    job = run(
        docker_studio,
        foreign_image,
        name,
        HyperParameters={"wait": "60"},
        StoppingCondition={"MaxRuntimeInSeconds": 2},
    )
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_an_isolated_job_reaches_nothing(docker_studio: RunningStudio, foreign_image: str) -> None:
    reached: dict[bool, list[str]] = {}
    for isolated in (True, False):
        name = unique("network")
        job = run(
            docker_studio,
            foreign_image,
            name,
            HyperParameters={"network": "try"},
            EnableNetworkIsolation=isolated,
        )
        assert job["TrainingJobStatus"] == "Completed"
        lines = log_lines(docker_studio, name)
        reached[isolated] = [line for line in lines if line.startswith("connect 169.254.170.2")]
        credentials = [line for line in lines if line.startswith("env AWS_CONTAINER_CREDENTIALS")]
        assert bool(credentials) is not isolated
    assert reached[True] == ["connect 169.254.170.2:80 failed"]
    assert reached[False] == ["connect 169.254.170.2:80 open"]


def test_a_restarted_studio_goes_on_with_a_running_job(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("restart")
    sagemaker = studio.client("sagemaker")
    sagemaker.create_training_job(
        **request(studio, foreign_image, name, HyperParameters={"lines": "60", "pause": "0.1"})
    )
    wait_for(studio, name, "Training")
    studio.restart()
    running = studio_client.find(studio.settings)
    assert running is not None
    time.sleep(1)
    os.kill(running.pid, signal.SIGKILL)
    studio.start()
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
    assert lines == [f"line {n} loss=0.{n};" for n in range(1, 61)]
    assert not (studio.settings.jobs / name).exists()


SCRIPT = """
import argparse, os, boto3
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
options = parser.parse_args()
print("identity", boto3.client("sts").get_caller_identity()["Arn"])
bucket = os.environ["OUT_BUCKET"]
boto3.client("s3").put_object(Bucket=bucket, Key="from-inside", Body=b"%f" % options.lr)
jobs = boto3.client("sagemaker").list_training_jobs(NameContains=os.environ["TRAINING_JOB_NAME"])
print("jobs", len(jobs["TrainingJobSummaries"]))
open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").write("ok")
"""


def test_script_mode_reaches_the_studio_with_the_credentials_of_its_role(
    docker_studio: RunningStudio,
) -> None:
    studio, name = docker_studio, unique("script")
    put(studio, {f"{name}/source.tar.gz": script_archive(SCRIPT)})
    job = run(
        studio,
        XGBOOST,
        name,
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{studio.bucket}/{name}/source.tar.gz"',
            "lr": "0.25",
        },
        Environment={"OUT_BUCKET": studio.bucket},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = log_lines(studio, name)
    account = studio.settings.account
    role = f"arn:aws:sts::{account}:assumed-role/MLStudioExecutionRole/SageMaker"
    assert f"identity {role}" in lines
    assert "jobs 1" in lines
    assert get(studio, f"s3://{studio.bucket}/from-inside") == b"0.250000"


def test_the_built_in_algorithm_reports_its_metrics_unasked(docker_studio: RunningStudio) -> None:
    studio, name = docker_studio, unique("xgboost")
    rows = "".join(f"{n % 2},{n},{n % 2 * 3}\n" for n in range(100))
    put(studio, {f"{name}/train.csv": rows.encode()})
    job = run(
        studio,
        XGBOOST,
        name,
        HyperParameters={"num_round": "3", "objective": "binary:logistic", "eval_metric": "auc"},
        InputDataConfig=[
            channel(studio, part, f"{name}/train.csv", ContentType="text/csv")
            for part in ("train", "validation")
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    values = {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}
    assert values == {"train:auc": 1.0, "validation:auc": 1.0}
    assert "xgboost-model" in members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))


def test_deleting_forgets_the_job_and_frees_its_name(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("delete")
    sagemaker = studio.client("sagemaker")
    body = request(studio, foreign_image, name)
    sagemaker.create_training_job(**body)
    for again in (name, name.upper()):
        with pytest.raises(ClientError, match=r"ResourceInUse.*already exists") as caught:
            sagemaker.create_training_job(**{**body, "TrainingJobName": again})
        assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="in status InProgress"):
        sagemaker.delete_training_job(TrainingJobName=name)
    wait(studio, name)
    sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName=name)
    sagemaker.create_training_job(**body)
    assert wait(studio, name)["TrainingJobStatus"] == "Completed"


def test_a_new_job_of_an_old_name_starts_without_its_metrics(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    name = unique("again")
    algorithm = {
        "TrainingImage": foreign_image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
    }
    shown = []
    for lines in ("1", "0"):
        job = run(
            docker_studio,
            foreign_image,
            name,
            HyperParameters={"lines": lines},
            AlgorithmSpecification=algorithm,
        )
        shown.append([metric["MetricName"] for metric in job["FinalMetricDataList"]])
        docker_studio.client("sagemaker").delete_training_job(TrainingJobName=name)
    assert shown == [["loss"], []]


def test_plain_output_keeps_files_whose_names_are_no_text(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("plain")
    output = {"S3OutputPath": f"s3://{studio.bucket}/out", "CompressionType": "NONE"}
    job = run(studio, foreign_image, name, HyperParameters={"odd": "yes"}, OutputDataConfig=output)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    prefix = f"out/{name}/output/model/"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{studio.bucket}/{prefix}"
    found = studio.client("s3").list_objects_v2(Bucket=studio.bucket, Prefix=prefix)["Contents"]
    assert [item["Key"].removeprefix(prefix) for item in found] == [r"bad\xffname", "mean"]


def test_a_failed_job_publishes_no_model(docker_studio: RunningStudio, foreign_image: str) -> None:
    job = run(docker_studio, foreign_image, unique("no-model"), HyperParameters={"exit": "1"})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == ""


def test_regions_do_not_see_each_others_jobs_and_logs(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("region")
    job = run(studio, foreign_image, name, HyperParameters={"lines": "1"})
    assert job["TrainingJobStatus"] == "Completed"
    there = {"region_name": "eu-west-1"}
    with pytest.raises(ClientError, match="Requested resource not found"):
        studio.client("sagemaker", **there).describe_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match="log group does not exist"):
        studio.client("logs", **there).describe_log_streams(logGroupName=GROUP)
    assert log_lines(studio, name)


def test_credentials_end_with_their_job(docker_studio: RunningStudio, foreign_image: str) -> None:
    name = unique("credentials")
    docker_studio.client("sagemaker").create_training_job(
        **request(docker_studio, foreign_image, name, HyperParameters={"wait": "4", "lines": "1"})
    )
    wait_for(docker_studio, name, "Training")

    given: dict[str, str] = {}

    def fetch() -> int:
        lines = log_lines(docker_studio, name)
        uri = next(v.partition("=")[2] for v in lines if v.startswith("env AWS_CONTAINER_CRED"))
        url = f"http://169.254.170.2{uri}" if uri.startswith("/") else uri
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
                given.update(json.load(answer))
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    deadline = time.monotonic() + 20
    while not any("env AWS_CONTAINER" in line for line in log_lines(docker_studio, name)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert fetch() == 200
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["Token"],
    }
    sts, s3 = (docker_studio.client(service, **keys) for service in ("sts", "s3"))
    assert "assumed-role" in sts.get_caller_identity()["Arn"]
    s3.head_bucket(Bucket=docker_studio.bucket)
    wait(docker_studio, name)
    assert fetch() == 404
    with pytest.raises(ClientError, match="ExpiredToken"):
        sts.get_caller_identity()
    with pytest.raises(ClientError, match="ExpiredToken"):
        s3.list_objects_v2(Bucket=docker_studio.bucket)


def test_a_finished_job_leaves_no_container_and_no_folder(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    run(docker_studio, foreign_image, unique("clean"))
    deadline = time.monotonic() + 10
    jobs: Path = docker_studio.settings.jobs
    while any(jobs.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(jobs.iterdir()) == []


def test_plain_boto3_finds_the_studio_by_profile(docker_studio: RunningStudio) -> None:
    config = docker_studio.settings.root / "kernel" / "aws-config"
    os.environ["AWS_CONFIG_FILE"] = str(config)
    try:
        session = boto3.session.Session(profile_name="mlstudio")
        assert session.client("sagemaker").list_training_jobs(MaxResults=1)
        assert session.client("s3").list_buckets()["Buckets"]
    finally:
        del os.environ["AWS_CONFIG_FILE"]
