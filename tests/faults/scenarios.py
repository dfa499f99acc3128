"""What users do while something dies, and what they must find afterwards.

Every scenario takes a studio and a name nobody used, does its work with boto3 as anybody would, and
checks that what was acknowledged is so.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import docker
from botocore.exceptions import ClientError

from jupyter_mlstudio.core.settings import write_atomically
from jupyter_mlstudio.endpoints.gateway.metrics import FLUSH_SECONDS
from tests.endpoints import shell as model
from tests.endpoints.world import production, until
from tests.jobs import images, jobs
from tests.jobs import test_processing as processing

from .doomed import Doomed

Scenario = Callable[[Doomed, str], None]
build = cache(images.build)

LONG = 1500.0
"""Seconds a scenario may wait: it may be killed at every step on the way."""
LINES = 6
WORK = f"""
cat /opt/ml/input/data/text/* > /opt/ml/model/seen
cp -r /opt/ml/checkpoints/. /opt/ml/model/
n=0; while [ $n -lt {LINES} ]; do n=$((n + 1)); echo "line $n loss=0.$n;"; sleep 0.05; done
echo "$HOSTNAME" > "/opt/ml/model/$HOSTNAME"
echo "$HOSTNAME" >> /opt/ml/checkpoints/after
echo side > "/opt/ml/output/data/$HOSTNAME"
echo '{{"MetricName": "filed", "Value": 7, "Timestamp": 1700000000, "Step": 1}}' \\
    > /opt/ml/output/metrics/sagemaker/m.json
"""
_PRINTED = [f"line {n} loss=0.{n};" for n in range(1, LINES + 1)]
_METRICS = [{"Name": "loss", "Regex": "loss=([0-9.]+);"}]


def create(operation: Callable[..., Any], **request: Any) -> None:
    """Create something; that a try before was acknowledged to nobody is no error."""
    try:
        operation(**request)
    except ClientError as error:
        taken = ("ResourceInUse", "Cannot create already existing")
        if not any(text in str(error) for text in taken):
            raise


def training(studio: Doomed, name: str, *, hosts: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the request of a job that has an input, a checkpoint, metrics, model and output."""
    jobs.put(studio, {f"{name}/text/a": b"some\n", f"{name}/old/before": b"checkpoint\n"})
    request = jobs.request(studio, build(), name, **jobs.shell(studio, build(), name, WORK))
    request["AlgorithmSpecification"]["MetricDefinitions"] = _METRICS
    request["InputDataConfig"].append(jobs.channel(studio, "text", f"{name}/text/"))
    request["CheckpointConfig"] = {"S3Uri": f"s3://{studio.bucket}/{name}/old"}
    request["ResourceConfig"]["InstanceCount"] = hosts
    request["ResourceConfig"]["InstanceType"] = "ml.t3.medium"
    return {**request, **changes}


def trained(studio: Doomed, name: str, *, hosts: int = 1) -> dict[str, Any]:
    """Wait for such a job, and look at all it leaves."""
    job = jobs.wait(studio, name, LONG)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    members = jobs.members(jobs.get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    names = [f"algo-{n}" for n in range(1, hosts + 1)]
    assert sorted(members) == sorted([*names, "before", "seen"])
    assert members["seen"] == b"some\n"
    output = jobs.members(jobs.get(studio, f"s3://{studio.bucket}/out/{name}/output/output.tar.gz"))
    assert sorted(output) == names
    kept = jobs.get(studio, f"s3://{studio.bucket}/{name}/old/after")
    assert kept.decode().strip() in names
    for lines in jobs.log_streams(studio, name).values():
        assert lines == _PRINTED
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert final == {"loss": float(f"0.{LINES}"), "filed": 7.0}
    return job


def train(studio: Doomed, name: str) -> None:
    """A job on one host."""
    create(studio.client("sagemaker").create_training_job, **training(studio, name))
    trained(studio, name)


def train_on_hosts(studio: Doomed, name: str) -> None:
    """A job on two hosts."""
    create(studio.client("sagemaker").create_training_job, **training(studio, name, hosts=2))
    trained(studio, name, hosts=2)


def train_in_pipe_mode(studio: Doomed, name: str) -> None:
    """A job whose input flows."""
    jobs.put(studio, {f"{name}/in/a": b"1" * 1000, f"{name}/in/b": b"2" * 1000})
    script = "cat /opt/ml/input/data/flow_0 | wc -c; cp /opt/ml/input/config/* /opt/ml/model/"
    changes = jobs.shell(studio, build(), name, script)
    changes["InputDataConfig"].append(jobs.channel(studio, "flow", f"{name}/in/", InputMode="Pipe"))
    request = jobs.request(studio, build(), name, **changes)
    create(studio.client("sagemaker").create_training_job, **request)
    job = jobs.wait(studio, name, LONG)
    # A feeder that runs already goes on; a container that had begun to read and lost it fails.
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.log_lines(studio, name) == ["2000"]


def process(studio: Doomed, name: str) -> None:
    """A processing job on two hosts, which is deleted in the end."""
    sagemaker = studio.client("sagemaker")
    work = 'mkdir -p /opt/ml/processing/out; echo x > "/opt/ml/processing/out/$HOSTNAME"; echo done'
    output = processing.output(studio, "o", f"{name}/out", "/opt/ml/processing/out", "EndOfJob")
    request = processing.request(studio, build(), name, work, count=2, outputs=[output])
    create(sagemaker.create_processing_job, **request)
    job = processing.wait(studio, name, LONG)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert processing.keys(studio, f"{name}/out/") == {"algo-1", "algo-2"}
    streams = jobs.log_streams(studio, name, processing.GROUP)
    assert list(streams.values()) == [["done"], ["done"]]
    gone(sagemaker.delete_processing_job, ProcessingJobName=name)
    with_error(sagemaker.describe_processing_job, "Could not find", ProcessingJobName=name)


def stop(studio: Doomed, name: str) -> None:
    """A job is stopped, twice, and keeps what it saved."""
    sagemaker = studio.client("sagemaker")
    parameters = {"lines": "1", "wait": "60"}
    request = jobs.request(studio, build(), name, HyperParameters=parameters)
    create(sagemaker.create_training_job, **request)
    jobs.wait_for(studio, name, "Training", LONG)
    until(lambda: printed(studio, name), LONG)
    for _ in range(2):
        sagemaker.stop_training_job(TrainingJobName=name)
    job = jobs.wait(studio, name, LONG)
    assert job["TrainingJobStatus"] == "Stopped", job
    model = jobs.members(jobs.get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert model["stopped"] == b"stopped\n"
    assert jobs.log_lines(studio, name)[-1] == "caught SIGTERM"


def printed(studio: Doomed, name: str) -> bool:
    """Say whether a job has printed its first line."""
    try:
        return "line 1 loss=0.1;" in jobs.log_lines(studio, name)
    except ClientError:  # of a studio that has no log yet
        return False


def retry(studio: Doomed, name: str) -> None:
    """The container of a job is removed under it; the second attempt completes."""
    script = (
        "if [ -e /opt/ml/checkpoints/x ]; then exit 0; fi; echo 1 > /opt/ml/checkpoints/x; sleep 60"
    )
    changes = jobs.shell(studio, build(), name, script)
    changes["RetryStrategy"] = {"MaximumRetryAttempts": 2}
    changes["CheckpointConfig"] = {"S3Uri": f"s3://{studio.bucket}/{name}/kept"}
    request = jobs.request(studio, build(), name, **changes)
    create(studio.client("sagemaker").create_training_job, **request)
    jobs.wait_for(studio, name, "Training", LONG)
    time.sleep(1)  # for the checkpoint
    remove_unseen(studio)
    job = jobs.wait(studio, name, LONG)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    retries = [s for s in job["SecondaryStatusTransitions"] if "Retry" in s["StatusMessage"]]
    assert len(retries) == 1


def remove_unseen(studio: Doomed) -> None:
    """Remove the containers that run while nobody looks: it is not seen that they end."""
    pid = studio.pid("studio")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with containers(studio) as found:
        for container in found:
            container.remove(force=True)
    os.kill(pid, signal.SIGCONT)


def delete(studio: Doomed, name: str) -> None:
    """A job with a warm pool is deleted, and its name is used again."""
    sagemaker = studio.client("sagemaker")
    request = training(studio, name)
    request["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 60
    create(sagemaker.create_training_job, **request)
    trained(studio, name)
    gone(sagemaker.delete_training_job, TrainingJobName=name)
    with_error(sagemaker.describe_training_job, "not found", TrainingJobName=name)
    del request["ResourceConfig"]["KeepAlivePeriodInSeconds"]
    del request["CheckpointConfig"]
    request["HyperParameters"] = {"again": "yes"}
    script = "echo 'once more loss=3;'; echo y > /opt/ml/model/y"
    request.update(jobs.shell(studio, build(), name, script))
    request["AlgorithmSpecification"]["MetricDefinitions"] = _METRICS
    create(sagemaker.create_training_job, **request)
    job = jobs.wait(studio, name, LONG)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [m["Value"] for m in job["FinalMetricDataList"]] == [3.0]


def warm(studio: Doomed, name: str) -> None:
    """A second job moves into the container made ready after the first; both do their work once."""
    sagemaker = studio.client("sagemaker")
    for number in (1, 2):
        request = warm_job(studio, f"{name}-{number}")
        create(sagemaker.create_training_job, **request)
        job = jobs.wait(studio, f"{name}-{number}", LONG)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert jobs.log_lines(studio, f"{name}-{number}") == ["input 1", "done"]
        if number == 1:
            until_waiting(studio)
    describe = sagemaker.describe_training_job
    assert describe(TrainingJobName=f"{name}-1")["WarmPoolStatus"]["Status"] == "Reused"
    sagemaker.update_training_job(
        TrainingJobName=f"{name}-2", ResourceConfig={"KeepAlivePeriodInSeconds": 0}
    )
    pool = lambda: describe(TrainingJobName=f"{name}-2")["WarmPoolStatus"]["Status"]  # noqa: E731
    until(lambda: pool() == "Terminated", LONG)


def warm_job(studio: Doomed, name: str) -> dict[str, Any]:
    """Return the request of a job that would notice if it ran twice or lost its input."""
    script = (
        "import pathlib, time\n"
        "seen = pathlib.Path('/opt/ml/model/seen')\n"
        "assert not seen.exists()\n"
        "seen.write_text('x')\n"
        "text = pathlib.Path('/opt/ml/input/data/code/n').read_text()\n"
        "print('input', text, flush=True)\n"
        "time.sleep(2.5)\n"
        "assert pathlib.Path('/opt/ml/input/data/code/n').read_text() == text\n"
        "print('done', flush=True)\n"
    )
    jobs.put(studio, {f"{name}/code/run.py": script.encode(), f"{name}/code/n": b"1"})
    algorithm = {
        "TrainingImage": jobs.XGBOOST,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/run.py"],
    }
    request = jobs.request(studio, jobs.XGBOOST, name, AlgorithmSpecification=algorithm)
    request["InputDataConfig"] = [jobs.channel(studio, "code", f"{name}/code/")]
    request["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 300
    return request


def until_waiting(studio: Doomed) -> None:
    """Wait until a container waits for a job, and the studio knows."""

    def waits() -> bool:
        found = studio.client("sagemaker").list_training_jobs(WarmPoolStatusEquals="Available")
        if not found["TrainingJobSummaries"]:
            return False
        with containers(studio) as running:
            test = ["test", "-e", "/opt/mlstudio-standby/waiting"]
            return any(each.exec_run(test)[0] == 0 for each in running)

    until(waits, LONG)
    time.sleep(0.6)


def serve(studio: Doomed, name: str) -> None:
    """An endpoint is made, updated and deleted, and answers whenever it is in service."""
    sagemaker = studio.client("sagemaker")
    deploy(studio, name)
    assert invoke(studio, name) == "x v1 read-only"
    try:
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    except ClientError as error:
        assert "in-progress" in str(error)
    in_service(studio, name)
    assert invoke(studio, name) == "x v2 read-only"
    remove(studio, name)


def deploy(studio: Doomed, name: str) -> None:
    """Make two models with their configurations, and an endpoint of the first."""
    sagemaker = studio.client("sagemaker")
    for number in (1, 2):
        version = f"{name}-{number}"
        container = {"Image": model_image(), "ModelDataUrl": model_data(studio, name, number)}
        create(sagemaker.create_model, ModelName=version, PrimaryContainer=container)
        create(
            sagemaker.create_endpoint_config,
            EndpointConfigName=version,
            ProductionVariants=[production(version)],
        )
    create(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=f"{name}-1")
    in_service(studio, name)


def model_data(studio: Doomed, name: str, version: int = 1) -> str:
    """Put the data of a model; return its URI."""
    key = f"{name}/{version}/model.tar.gz"
    jobs.put(studio, {key: model.pack({"name": f"v{version}"}, "w:gz")})
    return f"s3://{studio.bucket}/{key}"


def remove(studio: Doomed, name: str) -> None:
    """Delete an endpoint and what it was made of."""
    sagemaker = studio.client("sagemaker")
    gone(sagemaker.delete_endpoint, EndpointName=name)
    waiter = sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 3000})
    runtime = studio.client("sagemaker-runtime")
    with_error(runtime.invoke_endpoint, "not found", EndpointName=name, Body=b"x")
    for number in (1, 2):
        gone(sagemaker.delete_endpoint_config, EndpointConfigName=f"{name}-{number}")
        gone(sagemaker.delete_model, ModelName=f"{name}-{number}")


@cache
def model_image() -> str:
    """Build the image of a model; return its tag."""
    client = docker.APIClient(version="auto", timeout=60)
    try:
        return model.image(client)
    finally:
        client.close()


def serve_in_vain(studio: Doomed, name: str) -> None:
    """An endpoint whose container ends is Failed, and deleted."""
    sagemaker = studio.client("sagemaker")
    create(
        sagemaker.create_model,
        ModelName=name,
        # Its ``serve`` finds no model, and ends.
        PrimaryContainer={"Image": build()},
    )
    create(
        sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[production(name)],
    )
    create(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=name)
    status = lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]  # noqa: E731
    until(lambda: status() == "Failed", LONG)


def in_service(studio: Doomed, name: str) -> None:
    """Wait until an endpoint is in service, with boto3's waiter."""
    waiter = studio.client("sagemaker").get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 3000})


def invoke(studio: Doomed, name: str) -> str:
    """Return what a model answers."""
    answer = studio.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"x")
    text: str = answer["Body"].read().decode()
    return text


def store(studio: Doomed, name: str) -> None:
    """Objects are put, replaced, copied, uploaded in parts and deleted."""
    s3, bucket = studio.client("s3"), studio.bucket
    part = os.urandom(5 << 20)

    def content(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=f"{name}/{key}")["Body"].read()
        return body

    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key=f"{name}/a", Body=body)
        assert content("a") == body
    s3.copy_object(
        Bucket=bucket, Key=f"{name}/b", CopySource={"Bucket": bucket, "Key": f"{name}/a"}
    )
    assert content("b") == b"two"
    s3.upload_fileobj(io.BytesIO(part * 2), bucket, f"{name}/c")
    assert content("c") == part * 2
    s3.delete_object(Bucket=bucket, Key=f"{name}/b")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{name}/a"}]})
    page = s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/")
    assert [entry["Key"] for entry in page["Contents"]] == [f"{name}/c"]
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        # Of a start or an end that was acknowledged to nobody.
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def rest(studio: Doomed, name: str) -> None:
    """Nothing is done: the point is on the way up."""


def end(studio: Doomed, name: str) -> None:
    """The studio is told to end."""
    pid = studio.pid("studio")
    assert pid is not None
    os.kill(pid, signal.SIGTERM)


def lose_the_container(studio: Doomed, name: str) -> None:
    """The container made ready for a job hangs, and is removed as the job moves in."""
    sagemaker = studio.client("sagemaker")
    create(sagemaker.create_training_job, **warm_job(studio, f"{name}-1"))
    jobs.wait(studio, f"{name}-1", LONG)
    until_waiting(studio)
    with containers(studio) as found:
        for container in found:
            container.pause()
        request = warm_job(studio, f"{name}-2")
        request["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 1
        create(sagemaker.create_training_job, **request)
        time.sleep(3)
        for container in found:
            container.remove(force=True)
    job = jobs.wait(studio, f"{name}-2", LONG)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.log_lines(studio, f"{name}-2") == ["input 1", "done"]


def count(studio: Doomed, name: str) -> None:
    """What the gateway counted of an endpoint is in CloudWatch once."""
    deploy(studio, name)
    invoke(studio, name)
    moment = time.time() - 600
    minute = time.strftime("%Y%m%dT%H%M", time.gmtime(moment))
    line = {
        "account": studio.settings.account,
        "region": studio.settings.region,
        "endpoint": name,
        "variant": "AllTraffic",
        "time": time.time(),
        "Invocations": 3,
        "ModelLatency": [[1000, 3]],
        "OverheadLatency": [[100, 3]],
    }
    spool = studio.settings.routes.with_name("metrics")
    spool.mkdir(exist_ok=True)
    write_atomically(spool / f"{minute}-1.jsonl", json.dumps(line) + "\n")
    until(lambda: not (spool / f"{minute}-1.jsonl").exists(), LONG)
    answer = studio.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=[
            {"Name": "EndpointName", "Value": name},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        StartTime=moment - 120,
        EndTime=moment + 120,
        Period=60,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [3.0]
    time.sleep(FLUSH_SECONDS)
    remove(studio, name)


def train_a_process(studio: Doomed, name: str) -> None:
    """The built-in algorithm trains as a plain process: it asks nobody for anything meanwhile."""
    rows = "".join(f"{n},{n % 3}\n" for n in range(60))
    jobs.put(studio, {f"{name}/train.csv": rows.encode()})
    request = jobs.request(studio, jobs.XGBOOST, name)
    request["HyperParameters"] = {"num_round": "3", "objective": "reg:squarederror"}
    train_channel = jobs.channel(studio, "train", f"{name}/", ContentType="text/csv")
    request["InputDataConfig"] = [train_channel]
    create(studio.client("sagemaker").create_training_job, **request)
    job = jobs.wait(studio, name, LONG)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = jobs.members(jobs.get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert list(model) == ["xgboost-model"]


def gone(operation: Callable[..., Any], **request: Any) -> None:
    """Delete something; that a try before was acknowledged to nobody is no error."""
    try:
        operation(**request)
    except ClientError as error:
        if "not found" not in str(error) and "Could not find" not in str(error):
            raise


def with_error(operation: Callable[..., Any], text: str, **request: Any) -> None:
    """Ask for something that has to be refused."""
    try:
        operation(**request)
    except ClientError as error:
        assert text in str(error)
    else:
        raise AssertionError(f"{request} was answered")


class containers:
    """The containers of a studio that run."""

    def __init__(self, studio: Doomed) -> None:
        self._label = f"mlstudio.studio={studio.settings.studio_id}"

    def __enter__(self) -> list[Any]:
        self._client = docker.from_env()
        return list(self._client.containers.list(filters={"label": self._label}))

    def __exit__(self, *_: object) -> None:
        self._client.close()
