"""From asking for a job to its container's first line, against ``docker run`` of the same image.

All are measured in turn, in one run: the container prints the time, the difference to when it
was asked for is the figure. Needs a Docker engine and an image with a ``python3`` (for the warm
pool), by default the built-in XGBoost image.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import boto3

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.studio import client
from jupyter_mlstudio.wire.keys import KeyRing

SAY = "date +%s.%N"
READY = 4.0
"""Seconds a container gets to be made ready, and one that is not needed to go."""


def main() -> None:
    """Print p50 and p90 of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="mlstudio/xgboost:latest")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder) / "root", compute="docker")
        client.ensure(settings)
        try:
            key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
            session = boto3.session.Session(key.access_key, key.secret_key)
            aws = {"region_name": settings.region, "endpoint_url": settings.url}
            clients = session.client("sagemaker", **aws), session.client("logs", **aws)
            rounds = [
                (
                    docker_run(options.image),
                    job(clients, settings, options.image, f"cold-{number}"),
                    warm_job(clients, settings, options.image, number),
                )
                for number in range(options.rounds)
            ]
        finally:
            client.stop(settings, containers=True)
    kinds = ("docker run", "training job", "in a warm pool")
    columns = [sorted(values) for values in zip(*rounds, strict=True)]
    bare = statistics.median(columns[0])
    for name, values in zip(kinds, columns, strict=True):
        p50, p90 = statistics.median(values), statistics.quantiles(values, n=10)[-1]
        print(f"{name:15} p50 {p50:.3f} s   p90 {p90:.3f} s   ratio {p50 / bare:.2f}")


def docker_run(image: str) -> float:
    """Return the seconds from the command to the container's first line."""
    asked = time.time()
    command = ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", SAY]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) - asked


def warm_job(clients: tuple, settings, image: str, number: int) -> float:  # noqa: ANN001
    """Return the seconds of a job that finds a container made ready by the one before."""
    job(clients, settings, image, f"first-{number}", keep=60)
    time.sleep(READY)
    seconds = job(clients, settings, image, f"warm-{number}", keep=1)
    pool = clients[0].describe_training_job(TrainingJobName=f"first-{number}")["WarmPoolStatus"]
    if pool["Status"] != "Reused":
        raise SystemExit(f"The warm pool was not used: {pool}")
    time.sleep(READY)
    return seconds


def job(clients: tuple, settings, image: str, name: str, keep: int = 0) -> float:  # noqa: ANN001
    """Return the seconds from CreateTrainingJob to the container's first line."""
    sagemaker, logs = clients
    asked = time.time()
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", SAY],
        },
        RoleArn=settings.role_arn,
        OutputDataConfig={"S3OutputPath": f"s3://{settings.default_bucket}/bench"},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
            "KeepAlivePeriodInSeconds": keep,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    while sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] not in (
        "Completed",
        "Failed",
    ):
        time.sleep(0.2)
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")[
        "logStreams"
    ]
    events = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    return float(events[0]["message"]) - asked


if __name__ == "__main__":
    main()
