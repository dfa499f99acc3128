"""Small clients for tests that run jobs."""

from __future__ import annotations

import io
import itertools
import tarfile
import time
from contextlib import suppress
from typing import Any

from tests.conftest import RunningStudio

GROUP = "/aws/sagemaker/TrainingJobs"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
_NUMBERS = itertools.count(1)


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{next(_NUMBERS)}"


def request(studio: RunningStudio, image: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return the request of a small training job; ``changes`` replace members."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": studio.role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{studio.bucket}/out"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
        **changes,
    }


def channel(studio: RunningStudio, name: str, prefix: str, **more: Any) -> dict[str, Any]:
    """Return a File mode channel of everything below a prefix of the default bucket."""
    uri = f"s3://{studio.bucket}/{prefix}"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def shell(
    studio: RunningStudio, image: str, name: str, script: str, *arguments: str
) -> dict[str, Any]:
    """Return changes to a request that run a shell script instead of the image's own program."""
    put(studio, {f"{name}/code/run.sh": script.encode()})
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "/opt/ml/input/data/code/run.sh"],
            "ContainerArguments": list(arguments or ("none",)),
        },
        "InputDataConfig": [channel(studio, "code", f"{name}/code/")],
    }


def wait(studio: RunningStudio, name: str, seconds: float = 90) -> dict[str, Any]:
    """Return the description of a job once it has ended."""
    client = studio.client("sagemaker")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
            return job
        time.sleep(0.1)
    raise AssertionError(f"{name} is still {job['SecondaryStatus']} after {seconds} s")


def wait_for(studio: RunningStudio, name: str, secondary: str, seconds: float = 60) -> None:
    """Return once a job is in a secondary status."""
    client = studio.client("sagemaker")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.describe_training_job(TrainingJobName=name)
        if job["SecondaryStatus"] == secondary:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is {job['SecondaryStatus']}, never {secondary}")


def wait_for_line(studio: RunningStudio, name: str, line: str, seconds: float = 60) -> None:
    """Return once a training job has printed a line."""
    exceptions = studio.client("logs").exceptions
    deadline = time.monotonic() + seconds
    while True:
        # The group of logs is made with the first of them.
        with suppress(exceptions.ResourceNotFoundException):
            if line in log_lines(studio, name):
                return
        assert time.monotonic() < deadline, f"{name} has not printed {line!r} after {seconds} s"
        time.sleep(0.1)


def log_lines(studio: RunningStudio, name: str, group: str = GROUP) -> list[str]:
    """Return every line a job has printed."""
    return [line for lines in log_streams(studio, name, group).values() for line in lines]


def log_streams(studio: RunningStudio, name: str, group: str = GROUP) -> dict[str, list[str]]:
    """Return the lines of every log stream of a job."""
    logs = studio.client("logs")
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
    streams: dict[str, list[str]] = {}
    for stream in found["logStreams"]:
        lines = streams[stream["logStreamName"]] = []
        token: dict[str, str] = {}
        while True:
            page = logs.get_log_events(
                logGroupName=group,
                logStreamName=stream["logStreamName"],
                startFromHead=True,
                **token,
            )
            lines += [event["message"] for event in page["events"]]
            if token.get("nextToken") == page["nextForwardToken"]:
                break
            token = {"nextToken": page["nextForwardToken"]}
    return streams


def put(studio: RunningStudio, objects: dict[str, bytes]) -> None:
    """Put objects into the default bucket."""
    s3 = studio.client("s3")
    for key, body in objects.items():
        s3.put_object(Bucket=studio.bucket, Key=key, Body=body)


def get(studio: RunningStudio, uri: str) -> bytes:
    """Return the object at an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = studio.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def members(archive: bytes) -> dict[str, bytes]:
    """Return the files of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = [(info.name, tar.extractfile(info)) for info in tar if info.isfile()]
        return {name.removeprefix("./"): file.read() for name, file in files if file}


def run(studio: RunningStudio, image: str, name: str, **changes: Any) -> dict[str, Any]:
    """Run a training job to its end; return its description."""
    studio.client("sagemaker").create_training_job(**request(studio, image, name, **changes))
    return wait(studio, name)


def script_archive(source: str) -> bytes:
    """Return a source archive with one train.py."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("train.py")
        info.size = len(source.encode())
        tar.addfile(info, io.BytesIO(source.encode()))
    return buffer.getvalue()
