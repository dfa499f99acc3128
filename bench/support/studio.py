"""A studio in a folder of its own, and jobs on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.studio import client
from jupyter_mlstudio.wire.keys import Credentials, KeyRing

IMAGE = "mlstudio/xgboost:latest"
GROUP = "/aws/sagemaker/TrainingJobs"
_OVER = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Bench:
    """A running studio."""

    settings: Settings
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Credentials:
        """The key of its user."""
        settings = self.settings
        return KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)

    def client(self, service: str) -> Any:  # noqa: ANN401 - a client of boto3
        """Return the client of the studio for a service."""
        if service not in self._clients:
            url = self.settings.s3_url if service == "s3" else self.settings.url
            session = boto3.session.Session(self.key.access_key, self.key.secret_key)
            made = session.client(service, region_name=self.settings.region, endpoint_url=url)
            self._clients[service] = made
        return self._clients[service]

    def request(self, name: str, command: list[str], **members: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the request for a training job; members of AlgorithmSpecification are merged."""
        settings = self.settings
        algorithm = {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": command,
            **members.pop("AlgorithmSpecification", {}),
        }
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": algorithm,
            "RoleArn": settings.role_arn,
            "OutputDataConfig": {"S3OutputPath": f"s3://{settings.default_bucket}/bench"},
            "ResourceConfig": {**resources, **members.pop("ResourceConfig", {})},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **members,
        }


@contextmanager
def studio(compute: str = "docker", folder: Path | None = None) -> Iterator[Bench]:
    """Run a studio; its folder goes with it unless it was given."""
    with tempfile.TemporaryDirectory() as temporary:
        settings = load_settings((folder or Path(temporary)) / "root", compute=compute)
        client.ensure(settings)
        try:
            yield Bench(settings)
        finally:
            client.stop(settings, containers=True)


def run(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """Create a training job, wait for its end and return what it became."""
    sagemaker = bench.client("sagemaker")
    sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    while True:
        job: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] in _OVER:
            break
        time.sleep(0.2)
    if job["TrainingJobStatus"] != "Completed":
        raise SystemExit(f"{name}: {job.get('FailureReason')}")
    return job


def first_line(bench: Bench, request: dict[str, Any]) -> float:
    """Return the seconds from asking for a job to the time that its container prints first."""
    bench.client("sagemaker")
    asked = time.time()
    run(bench, request)
    name, logs = request["TrainingJobName"], bench.client("logs")
    found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    (stream,) = found["logStreams"]
    page = logs.get_log_events(
        logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True
    )
    return float(page["events"][0]["message"]) - asked


def step(job: dict[str, Any], name: str) -> tuple[float, float]:
    """Return beginning and end (seconds since the epoch) of a step of a job."""
    for each in job["SecondaryStatusTransitions"]:
        if each["Status"] == name:
            return each["StartTime"].timestamp(), each["EndTime"].timestamp()
    raise SystemExit(f"{job['TrainingJobName']} had no step {name}")
