"""Scripts on the framework images: trained, deployed and asked with a real boto3."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn.datasets import load_iris

from tests.conftest import RunningStudio

from .jobs import channel, get, members, put, run, unique

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
Invoke = Callable[..., bytes]

SKLEARN_TRAIN = """
import argparse, os
import joblib, pandas
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
from words import NAMES

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def predict_fn(data, model):
    if data.shape[1] != 4:
        raise KeyError(f"{data.shape[1]} columns")
    return model.predict_proba(data)
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
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90}
    )

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
        {"train.py": SKLEARN_TRAIN, "inference.py": SKLEARN_SERVE, "words.py": "NAMES = []\n"}
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
        assert "in predict_fn" in _endpoint_log(studio, name)


def test_an_image_without_an_algorithm_asks_for_a_script(process_studio: RunningStudio) -> None:
    job = run(process_studio, SKLEARN, unique("no-script"))
    assert job["TrainingJobStatus"] == "Failed"
    assert "'sagemaker_program'" in job["FailureReason"]
    assert "no algorithm of its own" in job["FailureReason"]
