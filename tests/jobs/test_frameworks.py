"""Scripts on the framework images: trained, deployed and asked with a real boto3."""

from __future__ import annotations

import importlib.util
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import docker
import joblib
import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn.datasets import load_iris

from tests.conftest import RunningStudio
from tests.images.support import wheel
from tests.machine import lacks

from .jobs import channel, get, log_lines, members, put, run, unique

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-{}:2.6.0-cpu-py312"
TENSORFLOW = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-{}:2.19.0-cpu-py312"
Invoke = Callable[..., bytes]

SKLEARN_TRAIN = """
import argparse, os
import joblib, pandas, vendored_module
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
parser.add_argument("--strength", type=float)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
arguments = parser.parse_args()
table = pandas.read_csv(os.environ["SM_CHANNEL_TRAIN"] + "/iris.csv", header=None)
rows, labels = table.iloc[:, 1:].to_numpy(), table[0]
model = LogisticRegression(C=arguments.strength, max_iter=500).fit(rows, labels)
joblib.dump(model, arguments.model_dir + "/model.joblib")
print("accuracy=%.4f;" % model.score(rows, labels))
"""
SKLEARN_SERVE = """
import json, os
import joblib
import vendored_module

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def predict_fn(data, model):
    if data.shape[1] != 4:
        raise KeyError(f"{data.shape[1]} columns")
    return model.predict_proba(data)
"""

# One step on the gradient of (w x)^2 at w = 1, its mean over x = 1 and x = 2: 1 - 0.1 * 5.
PYTORCH_TRAIN = """
import os, sys
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank = dist.get_rank()
host = os.environ["SM_CURRENT_HOST"]
sys.stdout.write(f"rank {rank} of {dist.get_world_size()} on {host}\\n")
if "--fail" in sys.argv and rank == 1:
    raise ValueError("the data of rank 1 are bad")
model = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.ones_(model.weight)
loss = (model(torch.tensor([[rank + 1.0]])) ** 2).mean()
loss.backward()
dist.all_reduce(model.weight.grad)
model.weight.grad /= dist.get_world_size()
with torch.no_grad():
    model.weight -= 0.1 * model.weight.grad
if rank == 0:
    torch.jit.script(model).save(os.environ["SM_MODEL_DIR"] + "/model.pth")
dist.destroy_process_group()
"""

TENSORFLOW_TRAIN = """
import os
import tensorflow as tf

class Scale(tf.Module):
    def __init__(self, by):
        self.by = tf.Variable(by)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(self, x):
        return {"scaled": x * self.by}

for version, by in (("1", 9.0), ("2", float(os.environ["SM_HP_BY"]))):
    module = Scale(by)
    tf.saved_model.save(
        module, f"{os.environ['SM_MODEL_DIR']}/{version}",
        signatures={"serving_default": module.serve},
    )
print("trained with", tf.__version__)
"""


def archive(files: dict[str, str | bytes]) -> bytes:
    """Return a tar.gz of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@contextmanager
def endpoint(studio: RunningStudio, name: str, container: dict[str, Any]) -> Iterator[Invoke]:
    """Deploy a container on one instance and yield what invokes it."""
    sagemaker, runtime = studio.client("sagemaker"), studio.client("sagemaker-runtime")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=studio.role)
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    deadline = time.monotonic() + 90
    while (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        assert time.monotonic() < deadline, _endpoint_log(studio, name)
        time.sleep(0.2)
    assert found["EndpointStatus"] == "InService", found["FailureReason"]

    def invoke(body: bytes, content_type: str, accept: str = "application/json") -> bytes:
        answer = runtime.invoke_endpoint(
            EndpointName=name, Body=body, ContentType=content_type, Accept=accept
        )
        content: bytes = answer["Body"].read()
        return content

    try:
        yield invoke
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


def _endpoint_log(studio: RunningStudio, name: str) -> str:
    logs = studio.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    return "\n".join(event["message"] for event in events)


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def studio(request: pytest.FixtureRequest) -> RunningStudio:
    """Give a studio of each compute."""
    found: RunningStudio = request.getfixturevalue(f"{request.param}_studio")
    return found


def test_a_sklearn_script_trains_and_its_model_answers(studio: RunningStudio) -> None:
    name = unique("sklearn")
    rows, labels = load_iris(return_X_y=True)
    table = io.BytesIO()
    np.savetxt(table, np.column_stack([labels, rows]), delimiter=",", fmt="%g")
    source = archive(
        {
            "train.py": SKLEARN_TRAIN,
            "inference.py": SKLEARN_SERVE,
            "requirements.txt": "--no-index\n--find-links wheels\nvendored\n",
            "wheels/vendored-1.0-py3-none-any.whl": wheel("vendored"),
        }
    )
    put(studio, {f"{name}/in/iris.csv": table.getvalue(), f"{name}/sourcedir.tar.gz": source})
    code = f"s3://{studio.bucket}/{name}/sourcedir.tar.gz"
    job = run(
        studio,
        SKLEARN,
        name,
        HyperParameters={
            "strength": "0.5",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": json.dumps(code),
        },
        InputDataConfig=[channel(studio, "train", f"{name}/in/")],
        AlgorithmSpecification={
            "TrainingImage": SKLEARN,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+);"}],
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["Value"] > 0.9

    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    model = joblib.load(io.BytesIO(members(get(studio, artifact))["model.joblib"]))
    expected = model.predict_proba(rows[:5])
    container = {
        "Image": SKLEARN,
        "ModelDataUrl": artifact,
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": code,
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        },
    }
    with endpoint(studio, name, container) as invoke:
        npy = io.BytesIO()
        np.save(npy, rows[:5])
        answer = invoke(npy.getvalue(), "application/x-npy", "application/x-npy")
        np.testing.assert_array_equal(np.load(io.BytesIO(answer)), expected)
        lines = "\n".join(",".join(map(str, row)) for row in rows[:5])
        np.testing.assert_allclose(json.loads(invoke(lines.encode(), "text/csv")), expected, 1e-5)
        with pytest.raises(ClientError) as caught:
            invoke(b"[[1, 2, 3]]", "application/json")
        assert caught.value.response["Error"]["Code"] == "ModelError"
        assert "KeyError: '3 columns'" in caught.value.response["OriginalMessage"]
        assert caught.value.response["OriginalStatusCode"] == 500
        deadline = time.monotonic() + 20
        while "in predict_fn" not in (log := _endpoint_log(studio, name)):
            assert time.monotonic() < deadline, log
            time.sleep(0.1)


def _distributed(
    studio: RunningStudio, name: str, instances: int, processes: int, **hyperparameters: str
) -> dict[str, Any]:
    """Train ``PYTORCH_TRAIN`` as the SDK's distribution={"torch_distributed": ...} does."""
    put(studio, {f"{name}/sourcedir.tar.gz": archive({"train.py": PYTORCH_TRAIN})})
    return run(
        studio,
        PYTORCH.format("training"),
        name,
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{studio.bucket}/{name}/sourcedir.tar.gz"',
            "sagemaker_torch_distributed_enabled": "true",
            "sagemaker_mpi_num_of_processes_per_host": str(processes),
            **hyperparameters,
        },
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": instances,
            "VolumeSizeInGB": 1,
        },
    )


@pytest.fixture
def pytorch_studio(docker_studio: RunningStudio) -> RunningStudio:
    """Give the studio on Docker where the image of PyTorch could be built."""
    client = docker.from_env()
    if not client.images.list("mlstudio/pytorch"):
        lacks("the image mlstudio/pytorch is not built")
    client.close()
    return docker_studio


@pytest.mark.docker
def test_pytorch_trains_on_two_hosts_and_its_model_answers(pytorch_studio: RunningStudio) -> None:
    studio, name = pytorch_studio, unique("pytorch")
    job = _distributed(studio, name, instances=2, processes=1)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert _ranks(studio, name) == ["rank 0 of 2 on algo-1", "rank 1 of 2 on algo-2"]
    container = {
        "Image": PYTORCH.format("inference"),
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }
    with endpoint(studio, name, container) as invoke:
        assert json.loads(invoke(b"[[4], [6]]", "application/json")) == [[2.0], [3.0]]
        assert invoke(b"4\n6\n", "text/csv", "text/csv") == b"2.0\n3.0\n"
        npy = io.BytesIO()
        np.save(npy, np.array([[4], [6]], np.float32))
        answer = invoke(npy.getvalue(), "application/x-npy", "application/x-npy")
        np.testing.assert_array_equal(np.load(io.BytesIO(answer)), [[2.0], [3.0]])
        with pytest.raises(ClientError, match="mat1 and mat2 shapes cannot be multiplied"):
            invoke(b"[[1, 2]]", "application/json")


@pytest.mark.docker
def test_what_one_of_two_processes_raises_is_why_the_job_failed(
    pytorch_studio: RunningStudio,
) -> None:
    name = unique("pytorch-fail")
    job = _distributed(pytorch_studio, name, instances=1, processes=2, fail="1", start="3")
    assert job["TrainingJobStatus"] == "Failed"
    assert _ranks(pytorch_studio, name) == ["rank 0 of 2 on algo-1", "rank 1 of 2 on algo-1"]
    assert 'ErrorMessage "ValueError: the data of rank 1 are bad"' in job["FailureReason"]


def _ranks(studio: RunningStudio, name: str) -> list[str]:
    return sorted(line for line in log_lines(studio, name) if line.startswith("rank "))


@pytest.mark.docker
@pytest.mark.timeout(240)
def test_tensorflow_trains_and_its_saved_model_answers(docker_studio: RunningStudio) -> None:
    studio, name = docker_studio, unique("tensorflow")
    put(studio, {f"{name}/sourcedir.tar.gz": archive({"train.py": TENSORFLOW_TRAIN})})
    job = run(
        studio,
        TENSORFLOW.format("training"),
        name,
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{studio.bucket}/{name}/sourcedir.tar.gz",
            "by": "2.5",
        },
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    container = {
        "Image": TENSORFLOW.format("inference"),
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }
    with endpoint(studio, name, container) as invoke:
        asked = {
            '{"instances": [[2, 4], [6, 8]]}': {"predictions": [[5.0, 10.0], [15.0, 20.0]]},
            '{"instances": [{"x": [2, 4]}]}': {"predictions": [[5.0, 10.0]]},
            '{"inputs": {"x": [[2, 4]]}}': {"outputs": [[5.0, 10.0]]},
            "[[2, 4]]": {"predictions": [[5.0, 10.0]]},
        }
        for body, answer in asked.items():
            assert json.loads(invoke(body.encode(), "application/json")) == answer
        assert invoke(b"2,4\n6,8\n", "text/csv", "text/csv") == b"5.0,10.0\n15.0,20.0\n"
        for body in ('{"other": 1}', "[[1, 2, 3]]", '{"instances": [{"y": 1}]}', "nonsense"):
            with pytest.raises(ClientError) as caught:
                invoke(body.encode(), "application/json")
            assert caught.value.response["OriginalStatusCode"] == 400, body


def test_process_compute_says_which_package_it_lacks(process_studio: RunningStudio) -> None:
    if importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed")
    job = run(process_studio, PYTORCH.format("training"), unique("no-torch"))
    assert job["TrainingJobStatus"] == "Failed"
    assert "'torch'" in job["FailureReason"]
    assert "-m pip install torch" in job["FailureReason"]


def test_an_image_without_an_algorithm_asks_for_a_script(process_studio: RunningStudio) -> None:
    job = run(process_studio, SKLEARN, unique("no-script"))
    assert job["TrainingJobStatus"] == "Failed"
    assert "'sagemaker_program'" in job["FailureReason"]
    assert "no algorithm of its own" in job["FailureReason"]
