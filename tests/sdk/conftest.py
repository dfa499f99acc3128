"""Clients of AWS in environments of their own, each made once."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from jupyter_mlstudio.studio import kernels
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import channel, put, request, unique, wait

from . import remote_image

ROOT = Path(__file__).parent.parent.parent
FLOWS = Path(__file__).parent / "flows"


def environment(name: str) -> Path:
    """Return the programs of an environment, making it the first time."""
    made = subprocess.run(
        [ROOT / "scripts" / "sdk-env", name], check=True, capture_output=True, text=True
    )
    return Path(made.stdout.strip()) / "bin"


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """Give the Python that has the SageMaker SDK v3."""
    return environment("v3") / "python"


@pytest.fixture(scope="session")
def aws_cli() -> Path:
    """Give the folder that has the ``aws`` command."""
    return environment("cli")


def flows_of(*modules: str) -> list[str]:
    """Return the names of the flows of modules that only an SDK's own Python can import."""
    texts = [(FLOWS / f"{module}.py").read_text() for module in modules]
    return [name for text in texts for name in re.findall(r"^@flow\ndef (\w+)", text, re.M)]


class Flows:
    """Runs the flows of an SDK as a notebook would, once for all tests of them.

    ``chosen`` are the flows that tests of this run are about.
    """

    def __init__(self, studio: RunningStudio, work: Path, chosen: set[str]) -> None:
        self._studio = studio
        self._work = work
        self._chosen = chosen
        self._ended: dict[str, dict[str, str | None]] = {}

    def run(self, sdk: str, *modules: str) -> dict[str, str | None]:
        """Return, for every flow, what went wrong."""
        if sdk not in self._ended:
            self._ended[sdk] = self._run(sdk, modules)
        return self._ended[sdk]

    def _run(self, sdk: str, modules: tuple[str, ...]) -> dict[str, str | None]:
        settings = self._studio.settings
        work = self._work / sdk
        work.mkdir()
        result = work / "result.json"
        place = {
            "bucket": settings.default_bucket,
            "account": settings.account,
            "region": settings.region,
            "role": settings.role_arn,
            "foreign": build(),
            "remote": remote_image.build(environment(sdk).parent, sdk),
            "work": str(work),
            "chosen": sorted(self._chosen),
        }
        (work / "place.json").write_text(json.dumps(place))
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        done = subprocess.run(
            [environment(sdk) / "python", FLOWS / "flow.py", work / "place.json", result, *modules],
            env={**clean, **kernels.choose(settings, clean)},
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        # Shown by pytest where a flow fails: what the SDK printed, and how long each flow took.
        print(done.stdout[-20_000:], done.stderr[-20_000:])
        assert done.returncode == 0, done.stderr[-4000:]
        outcomes: dict[str, str | None] = json.loads(result.read_text())
        return outcomes


@pytest.fixture(scope="session")
def flows(
    docker_studio: RunningStudio,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Flows:
    """Give what runs flows against the studio on Docker."""
    parameters = [
        item.callspec.params for item in request.session.items if hasattr(item, "callspec")
    ]
    chosen = {each["flow"] for each in parameters if "flow" in each}
    return Flows(docker_studio, tmp_path_factory.mktemp("flows"), chosen)


@dataclass(frozen=True, slots=True)
class Ended:
    """Names of resources in the state they usually end in, and the training job's description.

    ``endpoint`` is also the name of its model and configuration; ``broken`` is one that failed.
    """

    training: str
    failed: str
    processing: str
    crashed: str
    endpoint: str
    broken: str
    package: str
    key: str
    description: dict[str, Any]


@pytest.fixture(scope="session")
def ended(docker_studio: RunningStudio) -> Ended:
    """Make a resource of each kind, with whatever a user would say of it."""
    studio, image, name = docker_studio, build(), unique("ended")
    sagemaker = studio.client("sagemaker")
    put(studio, {f"{name}/in/train.csv": b"0,1\n", f"{name}/model.tar.gz": _archive({"mean": "2"})})
    put(studio, {f"{name}/broken.tar.gz": _archive({})})
    for job, parameters in ((name, {"lines": "2"}), (f"{name}-failed", {"exit": "1"})):
        changes = _training(studio, image, f"{name}/in/", parameters)
        sagemaker.create_training_job(**request(studio, image, job, **changes))
    for job, exit_code in ((name, 0), (f"{name}-crashed", 1)):
        sagemaker.create_processing_job(**_processing(studio, image, job, f"{name}/in/", exit_code))
    for endpoint, model in ((name, "model"), (f"{name}-broken", "broken")):
        container = {"Image": image, "ModelDataUrl": f"s3://{studio.bucket}/{name}/{model}.tar.gz"}
        _endpoint(studio, endpoint, {**container, "Environment": {"A": "b"}})
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": image}],
            "SupportedContentTypes": ["text/plain"],
            "SupportedResponseMIMETypes": ["text/plain"],
        },
    )
    quick = {"Delay": 1, "MaxAttempts": 120}
    for job in (name, f"{name}-crashed"):
        with suppress(WaiterError):
            sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
                ProcessingJobName=job, WaiterConfig=quick
            )
        with suppress(WaiterError):
            sagemaker.get_waiter("endpoint_in_service").wait(
                EndpointName=job.replace("crashed", "broken"), WaiterConfig=quick
            )
    wait(studio, f"{name}-failed")
    return Ended(
        training=name,
        failed=f"{name}-failed",
        processing=name,
        crashed=f"{name}-crashed",
        endpoint=name,
        broken=f"{name}-broken",
        package=package["ModelPackageArn"],
        key=f"{name}/in/train.csv",
        description=wait(studio, name),
    )


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _training(
    studio: RunningStudio, image: str, prefix: str, parameters: dict[str, str]
) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["train"],
            "ContainerArguments": ["train"],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        },
        "HyperParameters": parameters,
        "InputDataConfig": [channel(studio, "train", prefix)],
    }


def _processing(
    studio: RunningStudio, image: str, name: str, prefix: str, exit_code: int
) -> dict[str, Any]:
    folder = "/opt/ml/processing"
    source = {
        "S3Uri": f"s3://{studio.bucket}/{prefix}",
        "LocalPath": f"{folder}/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    target = {
        "S3Uri": f"s3://{studio.bucket}/{name}/out",
        "LocalPath": f"{folder}/out",
        "S3UploadMode": "EndOfJob",
    }
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": name,
        "RoleArn": studio.role,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["sh", "-c", f"exit {exit_code}"],
        },
        "ProcessingInputs": [{"InputName": "in", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }


def _endpoint(studio: RunningStudio, name: str, container: dict[str, Any]) -> None:
    sagemaker = studio.client("sagemaker")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=studio.role)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
