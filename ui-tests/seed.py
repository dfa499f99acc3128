"""Fill, start, stop or ask the studio that the browser tests look at, through boto3."""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.studio import client as studio
from jupyter_mlstudio.wire.keys import KeyRing

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
GOOD, BAD, ENDPOINT = "first-training-job", "job-without-labels", "first-endpoint"
TIMEOUT = 300.0


class Seeder:
    """What the tests expect to find, made with the studio's user key."""

    def __init__(self, settings: Settings) -> None:
        key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
        self.settings = settings
        self.environment = {
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
            "AWS_DEFAULT_REGION": settings.region,
            "AWS_ENDPOINT_URL": settings.url,
        }
        self.session = boto3.Session(
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            region_name=settings.region,
        )
        self.sagemaker = self.session.client("sagemaker", endpoint_url=settings.url)

    def is_filled(self) -> bool:
        """Whether an earlier run came to its end."""
        return bool(self.sagemaker.list_endpoints(NameContains=ENDPOINT)["Endpoints"])

    def upload(self, key: str, text: str) -> str:
        """Store an object and return its URI."""
        bucket = self.settings.default_bucket
        s3 = self.session.client("s3", endpoint_url=self.settings.s3_url)
        s3.upload_fileobj(io.BytesIO(text.encode()), bucket, key)
        return f"s3://{bucket}/{key}"

    def train(self, name: str, uri: str) -> None:
        """Start an XGBoost training job."""
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=self.settings.role_arn,
            HyperParameters={
                "objective": "binary:logistic",
                "num_round": "20",
                "eval_metric": "auc",
            },
            InputDataConfig=[
                {"ChannelName": channel, "ContentType": "text/csv", "DataSource": source}
                for channel in ("train", "validation")
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{self.settings.default_bucket}/models"},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )

    def finish(self, name: str) -> dict[str, Any]:
        """Wait until a training job has ended and return its description."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
            if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
                return job
            time.sleep(0.5)
        raise TimeoutError(f"{name} has not ended after {TIMEOUT:g} s")

    def deploy(self, name: str, model_data: str) -> None:
        """Make an endpoint of a model."""
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data},
            ExecutionRoleArn=self.settings.role_arn,
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def serve(self, name: str) -> None:
        """Wait until an endpoint serves."""
        self.sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": int(TIMEOUT)}
        )


def table(rows: int) -> str:
    """Return CSV in which the label, first, says whether two features sum to more than one."""
    draw = random.Random(7)  # noqa: S311 - data, not a secret
    points = [(draw.random(), draw.random()) for _ in range(rows)]
    return "".join(f"{int(a + b > 1)},{a:.4f},{b:.4f}\n" for a, b in points)


def fill(settings: Settings) -> None:
    """Give the studio a job that completed, one that failed, and an endpoint that serves."""
    studio.ensure(settings)
    seeder = Seeder(settings)
    if not seeder.is_filled():
        make(seeder)
    seeder.serve(ENDPOINT)


def make(seeder: Seeder) -> None:
    """Start two training jobs, and an endpoint of the model of the good one."""
    seeder.train(BAD, seeder.upload("bad/data.csv", "neither,a,number\n"))
    seeder.train(GOOD, seeder.upload("good/data.csv", table(400)))
    failed, completed = seeder.finish(BAD), seeder.finish(GOOD)
    if failed["TrainingJobStatus"] != "Failed" or completed["TrainingJobStatus"] != "Completed":
        raise RuntimeError(f"{failed['TrainingJobStatus']}, {completed.get('FailureReason')}")
    seeder.deploy(ENDPOINT, completed["ModelArtifacts"]["S3ModelArtifacts"])


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("fill", "run", "start", "stop"))
    parser.add_argument("--all", action="store_true", help="stop containers as well")
    options = parser.parse_args()
    compute = os.environ.get("MLSTUDIO_TEST_COMPUTE", "process")
    settings = load_settings(Path(os.environ["MLSTUDIO_ROOT"]), compute=compute)
    match options.action:
        case "fill":
            fill(settings)
        case "run":
            environment = {**os.environ, **Seeder(settings).environment}
            subprocess.run([sys.executable, "-"], env=environment, check=True)
        case "start":
            studio.ensure(settings)
        case "stop":
            studio.stop(settings, containers=options.all)


if __name__ == "__main__":
    main()
