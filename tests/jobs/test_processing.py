"""Processing jobs in real containers, asked for with a real boto3."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio

from .jobs import get, log_lines, log_streams, put, unique

GROUP = "/aws/sagemaker/ProcessingJobs"


def keys(studio: RunningStudio, prefix: str) -> set[str]:
    page = studio.client("s3").list_objects_v2(Bucket=studio.bucket, Prefix=prefix)
    return {entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())}


def source(
    studio: RunningStudio, name: str, prefix: str, local: str, **more: Any
) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": f"s3://{studio.bucket}/{prefix}",
            "LocalPath": local,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            **more,
        },
    }


def output(studio: RunningStudio, name: str, prefix: str, local: str, mode: str) -> dict[str, Any]:
    target = {"S3Uri": f"s3://{studio.bucket}/{prefix}", "LocalPath": local, "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": target}


def request(
    studio: RunningStudio, image: str, name: str, script: str, **changes: Any
) -> dict[str, Any]:
    put(studio, {f"{name}/code/run.sh": script.encode()})
    code = source(studio, "code", f"{name}/code", "/opt/ml/processing/input/code")
    return {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["sh", "/opt/ml/processing/input/code/run.sh"],
            "ContainerArguments": ["--mode", "a b"],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.t3.medium",
                "InstanceCount": changes.pop("count", 1),
                "VolumeSizeInGB": 1,
            }
        },
        "RoleArn": studio.role,
        "ProcessingInputs": [code, *changes.pop("inputs", [])],
        "ProcessingOutputConfig": {"Outputs": changes.pop("outputs", [])},
        **changes,
    }


def wait(studio: RunningStudio, name: str, seconds: float = 60) -> dict[str, Any]:
    client = studio.client("sagemaker")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.describe_processing_job(ProcessingJobName=name)
        if job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped"):
            return job
        time.sleep(0.1)
    raise AssertionError(job)


def run(studio: RunningStudio, *arguments: Any, **changes: Any) -> dict[str, Any]:
    wish = request(studio, *arguments, **changes)
    studio.client("sagemaker").create_processing_job(**wish)
    return wait(studio, wish["ProcessingJobName"])


WORK = r"""
echo "args $*"
for f in processingjobconfig resourceconfig; do cat /opt/ml/config/$f.json; echo; done
cat /opt/ml/metadata/resource-metadata.json; echo
env | sort | sed 's/^/env /'
cd /opt/ml/processing && find . -type f | sort | sed 's/^/file /'
cat input/data/* > output/all.txt 2>/dev/null
mkdir -p output/sub; echo 1 > output/sub/one
echo nested > input/data/out/nested
echo scribble >> input/data/a.csv
echo "all is well" > /opt/ml/output/message
"""


@pytest.mark.docker
def test_the_contract(docker_studio: RunningStudio, foreign_image: str) -> None:
    studio, name = docker_studio, unique("process")
    put(studio, {f"{name}/in/a.csv": b"1\n", f"{name}/in/b.csv": b"2\n"})
    job = run(
        studio,
        foreign_image,
        name,
        WORK,
        inputs=[
            source(studio, "data", f"{name}/in/", "/opt/ml/processing/input/data/"),
            {
                "InputName": "own",
                "AppManaged": True,
                "S3Input": {"S3Uri": f"s3://{studio.bucket}/x", "S3DataType": "S3Prefix"},
            },
        ],
        outputs=[
            output(studio, "out", f"{name}/out", "/opt/ml/processing/output", "EndOfJob"),
            output(
                studio, "nested", f"{name}/nested", "/opt/ml/processing/input/data/out", "EndOfJob"
            ),
            {
                "OutputName": "features",
                "AppManaged": True,
                "FeatureStoreOutput": {"FeatureGroupName": "some"},
            },
        ],
        Environment={"COLOUR": "blue"},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "all is well"
    assert "FailureReason" not in job
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
    lines = log_lines(studio, name, GROUP)
    assert lines[0] == "args --mode a b"
    config, resources, metadata = (json.loads(line) for line in lines[1:4])
    assert config["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert config["ProcessingInputs"][1]["InputName"] == "data"
    assert config["Environment"] == {"COLOUR": "blue"}
    assert resources["current_host"] == "algo-1"
    assert metadata["ExecutionRoleArn"] == studio.role
    assert "env COLOUR=blue" in lines
    assert any(line.startswith("env AWS_CONTAINER_CREDENTIALS_") for line in lines)
    assert [line for line in lines if line.startswith("file ")] == [
        "file ./input/code/run.sh",
        "file ./input/data/a.csv",
        "file ./input/data/b.csv",
    ]
    assert keys(studio, f"{name}/out/") == {"all.txt", "sub/one"}
    assert get(studio, f"s3://{studio.bucket}/{name}/out/all.txt") == b"1\n2\n"
    assert keys(studio, f"{name}/nested/") == {"nested"}
    assert get(studio, f"s3://{studio.bucket}/{name}/in/a.csv") == b"1\n"
    sagemaker = studio.client("sagemaker")
    tags = sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}]
    component = sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-processing-job")
    assert component["Source"]["SourceType"] == "SageMakerProcessingJob"
    assert component["OutputArtifacts"]["out"] == {"Value": f"s3://{studio.bucket}/{name}/out"}
    listed = sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [entry["ExitMessage"] for entry in listed] == ["all is well"]


@pytest.mark.docker
@pytest.mark.timeout(90)
def test_hosts_share_the_keys_and_upload_while_they_run(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("shards")
    put(studio, {f"{name}/in/{n}": str(n).encode() for n in range(5)})
    script = (
        "cd /opt/ml/processing; ls input/data; mkdir -p out\n"
        'for f in input/data/*; do cp "$f" "out/$(basename $f)-$HOSTNAME"; done\n'
        "cp out/* late/; trap 'exit 1' TERM; sleep 60 & wait\n"
    )
    shards = source(
        studio,
        "data",
        f"{name}/in/",
        "/opt/ml/processing/input/data",
        S3DataDistributionType="ShardedByS3Key",
    )
    wish = request(
        studio,
        foreign_image,
        name,
        script,
        count=2,
        inputs=[shards],
        outputs=[
            output(studio, "out", f"{name}/out/", "/opt/ml/processing/out", "Continuous"),
            output(studio, "late", f"{name}/late/", "/opt/ml/processing/late", "EndOfJob"),
        ],
    )
    client = studio.client("sagemaker")
    client.create_processing_job(**wish)
    deadline = time.monotonic() + 40
    while len(keys(studio, f"{name}/out/")) < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    uploaded = keys(studio, f"{name}/out/")
    assert {key.partition("-")[0] for key in uploaded} == {"0", "1", "2", "3", "4"}
    assert {key.partition("-")[2] for key in uploaded} == {"algo-1", "algo-2"}
    client.stop_processing_job(ProcessingJobName=name)
    job = wait(studio, name)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert keys(studio, f"{name}/late/") == set()
    streams = log_streams(studio, name, GROUP)
    assert sorted(stream.split("/")[1][:6] for stream in streams) == ["algo-1", "algo-2"]
    with pytest.raises(ClientError, match="is in status Stopped"):
        client.stop_processing_job(ProcessingJobName=name)


@pytest.mark.docker
def test_failures_say_why(docker_studio: RunningStudio, foreign_image: str) -> None:
    studio = docker_studio
    job = run(
        studio, foreign_image, unique("p-fail"), "echo it broke > /opt/ml/output/message; exit 4"
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: it broke, exit code: 4"
    assert job["ExitMessage"] == "it broke"
    missing = source(studio, "d", "no/such", "/opt/ml/processing/d")
    job = run(studio, foreign_image, unique("p-none"), "true", inputs=[missing])
    assert "No S3 objects found under S3 URL" in job["FailureReason"]
    gone = output(studio, "o", "x", "/opt/ml/processing/o", "EndOfJob")
    gone["S3Output"]["S3Uri"] = "s3://no-such-bucket-here/x"
    job = run(studio, foreign_image, unique("p-bucket"), "true", outputs=[gone])
    assert "The bucket no-such-bucket-here of ProcessingOutputConfig" in job["FailureReason"]


@pytest.mark.docker
def test_a_limit_of_time_and_isolation(docker_studio: RunningStudio, foreign_image: str) -> None:
    studio, name = docker_studio, unique("p-time")
    script = "env | grep -c AWS_CONTAINER; trap 'exit 0' TERM; sleep 60 & wait"
    job = run(
        studio,
        foreign_image,
        name,
        script,
        StoppingCondition={"MaxRuntimeInSeconds": 2},
        NetworkConfig={"EnableNetworkIsolation": True},
    )
    assert job["ProcessingJobStatus"] == "Stopped"
    assert log_lines(studio, name, GROUP)[0] == "0"
    client = studio.client("sagemaker")
    client.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job") as missing:
        client.describe_processing_job(ProcessingJobName=name)
    assert missing.value.response["Error"]["Code"] == "ValidationException"


def test_on_plain_processes(process_studio: RunningStudio) -> None:
    studio, name = process_studio, unique("p-process")
    put(studio, {f"{name}/in/a": b"1\n"})
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    wish = request(
        studio,
        image,
        name,
        'cp "$1"/* "$2/"',
        inputs=[source(studio, "data", f"{name}/in", "/opt/ml/processing/data")],
        outputs=[output(studio, "out", f"{name}/out", "/opt/ml/processing/out", "EndOfJob")],
    )
    wish["AppSpecification"]["ContainerArguments"] = [
        "/opt/ml/processing/data",
        "/opt/ml/processing/out",
    ]
    studio.client("sagemaker").create_processing_job(**wish)
    job = wait(studio, name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert keys(studio, f"{name}/out/") == {"a"}


READ = r"""
cd /opt/ml/processing
for fifo in in/plain_0 in/plain_1 in/packed_0 in/cut_0; do
    until [ -p $fifo ]; do sleep 0.05; done; echo "saw $HOSTNAME $fifo $(tr '\n' ' ' < $fifo)"
done
"""


@pytest.mark.docker
def test_inputs_flow_through_fifos(docker_studio: RunningStudio, foreign_image: str) -> None:
    studio, name = docker_studio, unique("fifos")
    bodies = {key: f"{key}\n".encode() for key in "abc"}
    put(studio, {f"{name}/in/{key}": body for key, body in bodies.items()})
    put(studio, {f"{name}/gz/{key}": gzip.compress(body) for key, body in bodies.items()})
    pipe = {"S3InputMode": "Pipe"}
    local = "/opt/ml/processing/in"
    job = run(
        studio,
        foreign_image,
        name,
        READ,
        count=2,
        inputs=[
            source(studio, "plain", f"{name}/in/", f"{local}/plain", **pipe),
            source(
                studio, "packed", f"{name}/gz/", f"{local}/packed", S3CompressionType="Gzip", **pipe
            ),
            source(
                studio,
                "cut",
                f"{name}/in/",
                f"{local}/cut",
                S3DataDistributionType="ShardedByS3Key",
                **pipe,
            ),
        ],
    )
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    lines = log_lines(studio, name, GROUP)
    assert sorted(line.strip() for line in lines if line.startswith("saw")) == sorted(
        f"saw {host} in/{fifo} {seen}"
        for host, part in (("algo-1", "a c"), ("algo-2", "b"))
        for fifo, seen in (
            ("plain_0", "a b c"),
            ("plain_1", "a b c"),
            ("packed_0", "a b c"),
            ("cut_0", part),
        )
    )


def bad_input(**changes: Any) -> dict[str, Any]:
    s3 = {
        "S3Uri": "s3://bkt/x",
        "LocalPath": "/opt/ml/processing/x",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    changed = {**s3, **changes}
    return {
        "InputName": "bad",
        "S3Input": {key: value for key, value in changed.items() if value is not None},
    }


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"inputs": [bad_input(LocalPath="/etc")]}, "ValidationException", "'/etc' at"),
        (
            {"inputs": [bad_input(LocalPath="/opt/ml/../../etc")]},
            "ValidationException",
            "must|Member must be an absolute path",
        ),
        ({"inputs": [bad_input(LocalPath="/opt/ml/model")]}, "ValidationException", "begin with"),
        ({"inputs": [bad_input(LocalPath=None)]}, "ValidationException", "needs LocalPath"),
        ({"inputs": [bad_input(S3InputMode=None)]}, "ValidationException", "needs S3InputMode"),
        (
            {"inputs": [bad_input(S3InputMode="Pipe", LocalPath="/opt/ml/processing/")]},
            "ValidationException",
            "must be below",
        ),
        (
            {
                "inputs": [
                    bad_input(S3InputMode="Pipe", LocalPath="/opt/ml/processing/x/y"),
                    {**bad_input(), "InputName": "other"},
                ]
            },
            "ValidationException",
            "would lie in or at /opt/ml/processing/x, another LocalPath",
        ),
        (
            {
                "inputs": [
                    bad_input(S3InputMode="Pipe"),
                    {**bad_input(LocalPath="/opt/ml/processing/x_0"), "InputName": "other"},
                ]
            },
            "ValidationException",
            "would lie in or at /opt/ml/processing/x_0, another LocalPath",
        ),
        ({"inputs": [bad_input(S3Uri="/x")]}, "ValidationException", "s3Uri"),
        (
            {"inputs": [bad_input(S3CompressionType="Gzip")]},
            "ValidationException",
            "needs S3InputMode Pipe",
        ),
        (
            {"inputs": [bad_input(), {**bad_input(), "InputName": "other"}]},
            "ValidationException",
            "Duplicate LocalPath",
        ),
        ({"inputs": [bad_input(), bad_input()]}, "ValidationException", "Duplicate input name"),
        ({"inputs": [{"InputName": "x"}]}, "ValidationException", "exactly one of S3Input"),
        ({"inputs": [bad_input()] * 11}, "ValidationException", "less than or equal to 10"),
        (
            {"outputs": [{"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]},
            "ValidationException",
            "needs AppManaged",
        ),
        ({"count": 101}, "ValidationException", "less than or equal to 100"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}},
            "ValidationException",
            "less than or equal to 777600",
        ),
        ({"Environment": {"AWS_SESSION_TOKEN": "x"}}, "ValidationException", "reserved"),
    ],
)
def test_bad_input_is_refused(
    process_studio: RunningStudio, changes: dict[str, Any], code: str, message: str
) -> None:
    client = process_studio.client("sagemaker")
    before = client.list_processing_jobs()["ProcessingJobSummaries"]
    with pytest.raises(ClientError, match=message) as refused:
        run(process_studio, "img", unique("p-bad"), "true", **changes)
    assert refused.value.response["Error"]["Code"] == code
    assert client.list_processing_jobs()["ProcessingJobSummaries"] == before
