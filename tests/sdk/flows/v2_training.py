"""Sessions and training with the SageMaker SDK v2."""

from __future__ import annotations

import io
import tarfile
import time
from typing import Any

import boto3
import numpy as np
import sagemaker
from botocore.exceptions import ClientError, ParamValidationError
from flow import Place, flow, printed, raises
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.image_uris import retrieve
from sagemaker.inputs import TrainingInput
from sagemaker.pytorch import PyTorch, PyTorchModel
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.xgboost import XGBoost
from v2 import SESSION, SMALL

SKLEARN = """
import argparse, os
import joblib, numpy
from sklearn.linear_model import LinearRegression
def model_fn(folder):
    return joblib.load(folder + "/model.joblib")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--slope", type=float)
    slope = parser.parse_args().slope
    x = numpy.arange(10.0).reshape(-1, 1)
    joblib.dump(LinearRegression().fit(x, slope * x), os.environ["SM_MODEL_DIR"] + "/model.joblib")
    print("slope=%s;" % slope)
"""
XGB = """
import os
import xgboost
from rows import read
rows, labels = read(os.environ["SM_CHANNEL_TRAIN"])
booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, labels), 5)
booster.save_model(os.environ["SM_MODEL_DIR"] + "/xgboost-model")
"""
ROWS = """
import glob
def read(folder):
    lines = [line.split(",") for name in glob.glob(folder + "/*.csv") for line in open(name)]
    return [[float(v) for v in line[1:]] for line in lines], [float(line[0]) for line in lines]
"""
TORCH = """
import json, os
print("host", os.environ["SM_CURRENT_HOST"], "of", json.loads(os.environ["SM_HOSTS"]))
if os.environ["SM_CURRENT_HOST"] == "algo-1":
    import torch
    torch.save({"sum": torch.arange(4.0).sum()}, os.environ["SM_MODEL_DIR"] + "/sum.pt")
"""
TORCH_INFERENCE = """
import torch
def model_fn(folder):
    return torch.load(folder + "/sum.pt")["sum"]
def predict_fn(data, total):
    return data * total
"""
WARM = """
import os, pathlib
cache = pathlib.Path(os.environ["SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"])
print("cached", sorted(path.name for path in cache.iterdir()))
(cache / os.environ["TRAINING_JOB_NAME"]).touch()
"""


def model_members(uri: str) -> set[str]:
    """Return the names of the files in a model archive."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = SESSION.boto_session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {info.name.removeprefix("./") for info in tar if info.isfile()}


def numbers(place: Place, name: str) -> str:
    """Upload a file that the foreign image takes a mean of: 2; return its prefix."""
    folder = place.folder(name, {"numbers.csv": "0,1\n0,3\n"})
    return SESSION.upload_data(folder, key_prefix=name)


@flow
def session(place: Place) -> None:
    """Buckets, files and the role, as the first cells of a notebook want them."""
    session = sagemaker.Session(boto3.Session())
    assert session.default_bucket() == place.bucket
    assert session.account_id() == place.account
    assert sagemaker.get_execution_role(session) == place.role
    folder = place.folder("session", {"a.csv": "1,2\n", "b.txt": "b"})
    uri = session.upload_data(folder, key_prefix="v2/session")
    assert uri == f"s3://{place.bucket}/v2/session"
    keys = session.list_s3_files(place.bucket, "v2/session")
    assert sorted(keys) == ["v2/session/a.csv", "v2/session/b.txt"]
    assert session.read_s3_file(place.bucket, "v2/session/a.csv") == "1,2\n"
    back = place.work / "back"
    back.mkdir()
    session.download_data(str(back), place.bucket, key_prefix="v2/session/")
    assert (back / "b.txt").read_text() == "b"
    other = sagemaker.Session(session.boto_session, default_bucket="made-by-the-sdk")
    assert other.default_bucket() == "made-by-the-sdk"
    session.boto_session.client("s3").head_bucket(Bucket="made-by-the-sdk")


@flow
def estimator(place: Place) -> None:
    """An image of the user's own: fit with logs, attach, analytics, deploy, predict, delete."""
    estimator = Estimator(
        place.foreign,
        place.role.rpartition("/")[2],
        1,
        SMALL,
        volume_size=1,
        hyperparameters={"lines": 3, "pause": 0.1},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        tags={"team": "red"},
        checkpoint_s3_uri=f"s3://{place.bucket}/v2/checkpoints",
        max_run=300,
        sagemaker_session=SESSION,
    )
    channel = TrainingInput(numbers(place, "v2-numbers"), content_type="text/csv")
    log = printed(lambda: estimator.fit({"train": channel}, logs="All"))
    assert "line 3 loss=0.3;" in log
    assert "Training job completed" in log or "Training seconds: " in log
    name = estimator.latest_training_job.name
    described = estimator.latest_training_job.describe()
    assert described["TrainingJobStatus"] == "Completed"
    assert described["CheckpointConfig"]["S3Uri"] == f"s3://{place.bucket}/v2/checkpoints"
    assert described["RoleArn"] == place.role
    tags = SESSION.sagemaker_client.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    assert {"Key": "team", "Value": "red"} in tags
    assert "mean" in model_members(estimator.model_data)
    assert "line 1 loss=0.1;" in printed(estimator.logs)

    attached = Estimator.attach(name, sagemaker_session=SESSION)
    assert attached.model_data == estimator.model_data
    assert attached.hyperparameters()["lines"] == "3"
    for analytics in (
        attached.training_job_analytics,
        TrainingJobAnalytics(name, sagemaker_session=SESSION),
    ):
        frame = analytics.dataframe()
        assert list(frame.columns) == ["timestamp", "metric_name", "value"]
        assert set(frame["metric_name"]) == {"loss"}
        assert frame["value"].between(0.1, 0.3).all()

    predictor = estimator.deploy(
        1,
        SMALL,
        serializer=CSVSerializer(),
        deserializer=CSVDeserializer(accept="text/plain"),
        wait=False,
    )
    SESSION.wait_for_endpoint(predictor.endpoint_name, poll=2)
    assert predictor.predict([21]) == [["42"]]
    with raises(ClientError, "ModelError", "it crashed"):
        predictor.predict("crash")
    estimator.delete_endpoint()
    predictor.delete_model()
    with raises(Exception, "models cannot be deleted"):
        predictor.delete_model()


@flow
def stopped_and_failed(place: Place) -> None:
    """A job that is stopped, and one that fails with a reason."""
    common = {
        "role": place.role,
        "instance_count": 1,
        "instance_type": SMALL,
        "sagemaker_session": SESSION,
    }
    waiting = Estimator(place.foreign, hyperparameters={"wait": 300}, **common)
    waiting.fit(wait=False)
    waiting.latest_training_job.stop()
    waiting.latest_training_job.wait(logs=False)
    assert waiting.latest_training_job.describe()["TrainingJobStatus"] == "Stopped"
    with raises(ClientError, "ValidationException", "status Stopped"):
        waiting.latest_training_job.stop()

    failing = Estimator(place.foreign, hyperparameters={"failure": "no luck", "exit": 3}, **common)
    with raises(UnexpectedStatusException, "AlgorithmError", "no luck"):
        failing.fit(logs=False)
    job = failing.latest_training_job.name
    with raises(ClientError, "ResourceInUse", "already exists"):
        failing.fit(job_name=job, wait=False)
    assert SESSION.describe_training_job(job)["TrainingJobStatus"] == "Failed"


@flow
def refused(place: Place) -> None:
    """What this studio has not, and what only local mode has, is refused by name."""
    common = {"role": place.role, "instance_count": 1, "instance_type": SMALL}
    common["sagemaker_session"] = SESSION
    several = {**common, "instance_count": 2}
    warm = Estimator(place.foreign, keep_alive_period_in_seconds=60, **several)
    with raises(ClientError, "UnsupportedOperation", "KeepAlivePeriodInSeconds"):
        warm.fit(wait=False)
    with raises(RuntimeError, "file://"):
        Estimator(place.foreign, output_path="file:///tmp/out", **common)
    with raises(ParamValidationError, "FileDataSource"):
        Estimator(place.foreign, **common).fit({"train": "file:///tmp/data"})
    with raises(ClientError, "ValidationException", "Requested resource not found"):
        Estimator.attach("never-made", sagemaker_session=SESSION)


@flow
def sklearn(place: Place) -> None:
    """A scikit-learn script, trained, repacked with its code, deployed, asked with NPY."""
    source = place.folder("sklearn", {"train.py": SKLEARN})
    estimator = SKLearn(
        "train.py",
        source_dir=source,
        framework_version="1.2-1",
        role=place.role,
        instance_type=SMALL,
        sagemaker_session=SESSION,
        hyperparameters={"slope": 2.5},
        metric_definitions=[{"Name": "slope", "Regex": "slope=([0-9.]+);"}],
    )
    estimator.fit(logs=False)
    final = estimator.latest_training_job.describe()["FinalMetricDataList"]
    assert [(each["MetricName"], each["Value"]) for each in final] == [("slope", 2.5)]
    predictor = estimator.deploy(1, SMALL, model_server_workers=1)
    assert round(float(predictor.predict([[4.0]])[0][0]), 6) == 10.0
    predictor.deserializer = JSONDeserializer()
    assert [round(row[0], 6) for row in predictor.predict([[0.0], [2.0]])] == [0.0, 5.0]
    predictor.delete_endpoint()


@flow
def xgboost(place: Place) -> None:
    """An XGBoost script of two files, found again by its name."""
    rows = "".join(f"{n % 2},{n},{n % 2 * 3}\n" for n in range(50))
    data = SESSION.upload_data(place.folder("rows", {"rows.csv": rows}), key_prefix="v2/rows")
    source = place.folder("xgboost", {"train.py": XGB, "rows.py": ROWS})
    estimator = XGBoost(
        "train.py",
        source_dir=source,
        framework_version="1.7-1",
        role=place.role,
        instance_count=1,
        instance_type=SMALL,
        sagemaker_session=SESSION,
    )
    estimator.fit({"train": data}, logs=False)
    attached = XGBoost.attach(estimator.latest_training_job.name, SESSION)
    assert attached.entry_point == "train.py"
    assert model_members(attached.model_data) == {"xgboost-model"}


@flow
def pytorch(place: Place) -> None:
    """A PyTorch script on two hosts, and what it saved on an endpoint with code of its own."""
    source = place.folder("pytorch", {"train.py": TORCH})
    estimator = PyTorch(
        "train.py",
        source_dir=source,
        framework_version="2.6",
        py_version="py312",
        role=place.role,
        instance_count=2,
        instance_type=SMALL,
        sagemaker_session=SESSION,
    )
    log = printed(lambda: estimator.fit())
    for host in ("algo-1", "algo-2"):
        assert f"host {host} of ['algo-1', 'algo-2']" in log
    assert model_members(estimator.model_data) == {"sum.pt"}

    model = PyTorchModel(
        estimator.model_data,
        place.role,
        entry_point="inference.py",
        source_dir=place.folder("torch-inference", {"inference.py": TORCH_INFERENCE}),
        framework_version="2.6",
        py_version="py312",
        model_server_workers=1,
        sagemaker_session=SESSION,
    )
    predictor = model.deploy(1, SMALL, wait=False)
    SESSION.wait_for_endpoint(predictor.endpoint_name, poll=2)
    assert {"sum.pt", "code/inference.py"} <= model_members(model.repacked_model_data)
    assert predictor.predict(np.array([[1.0], [2.5]])).tolist() == [[6.0], [15.0]]
    predictor.delete_model()
    predictor.delete_endpoint()


@flow
def warm_pool(place: Place) -> None:
    """A job leaves a warm pool, the next one starts there, and the last gives it back."""
    estimator = Estimator(
        retrieve("sklearn", place.region, version="1.2-1"),
        place.role,
        1,
        SMALL,
        entry_point="train.py",
        source_dir=place.folder("warm", {"train.py": WARM}),
        keep_alive_period_in_seconds=600,
        sagemaker_session=SESSION,
    )
    names = []
    for _ in range(2):
        estimator.fit(wait=False)
        names.append(estimator.latest_training_job.name)
        assert pool_status(names[-1])["Status"] == "InUse"
        SESSION.wait_for_job(names[-1], poll=1)
        assert pool_status(names[-1])["Status"] == "Available"
    first = pool_status(names[0])
    assert (first["Status"], first["ReusedByJob"]) == ("Reused", names[1])
    log = printed(lambda: SESSION.logs_for_job(names[1]))
    assert f"cached ['{names[0]}']" in log
    SESSION.update_training_job(names[1], resource_config={"KeepAlivePeriodInSeconds": 0})
    deadline = time.monotonic() + 30
    while pool_status(names[1])["Status"] != "Terminated":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def pool_status(name: str) -> dict[str, Any]:
    """Return the status of the warm pool that a job uses or has left."""
    status: dict[str, Any] = SESSION.describe_training_job(name)["WarmPoolStatus"]
    return status
