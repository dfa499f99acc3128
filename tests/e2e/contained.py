"""What a user does in a container that holds Jupyter and the engine's socket: run as a program.

Prints one JSON document: the log of a training job that calls back, and what endpoints answered.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3

from jupyter_mlstudio.core.settings import load_settings
from tests.conftest import RunningStudio
from tests.endpoints.shell import pack
from tests.endpoints.world import production
from tests.jobs import test_processing as processing
from tests.jobs.jobs import XGBOOST, get, log_lines, members, put, run, shell

SCRIPT = """
import boto3, os
print("identity", boto3.client("sts").get_caller_identity()["Arn"])
boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="inside", Body=b"hello")
with open(os.environ["SAGEMAKER_METRICS_DIRECTORY"] + "/1-x.json", "w") as file:
    file.write('{"MetricName": "loss", "Value": 0.5, "IterationNumber": 1}')
"""


def train(studio: RunningStudio) -> dict[str, Any]:
    """Run a script that uses the studio from its container."""
    put(studio, {"source.tar.gz": pack({"train.py": SCRIPT}, "w:gz")})
    job = run(
        studio,
        XGBOOST,
        "script",
        HyperParameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"s3://{studio.bucket}/source.tar.gz",
        },
        Environment={"BUCKET": studio.bucket},
    )
    return {
        "status": job["TrainingJobStatus"],
        "reason": job.get("FailureReason"),
        "log": log_lines(studio, "script"),
        "metrics": [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]],
        "written": studio.client("s3")
        .get_object(Bucket=studio.bucket, Key="inside")["Body"]
        .read()
        .decode(),
    }


MEET = """
echo "host $(hostname)" > /opt/ml/model/$(hostname)
if [ "$(hostname)" = algo-1 ]; then echo hello | timeout 20 nc -l -p 7777; exit 0; fi
for n in $(seq 60); do nc -w 2 algo-1 7777 </dev/null && exit 0; sleep 0.2; done
exit 1
"""


def meet(studio: RunningStudio, image: str) -> dict[str, Any]:
    """Run a job on two hosts that talk to each other."""
    job = run(
        studio,
        image,
        "meet",
        **shell(studio, image, "meet", MEET),
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    return {
        "status": job["TrainingJobStatus"],
        "reason": job.get("FailureReason"),
        "log": log_lines(studio, "meet"),
        "model": sorted(members(get(studio, uri))) if uri else [],
    }


def process(studio: RunningStudio, image: str) -> dict[str, Any]:
    """Run a processing job that copies its input to its output."""
    put(studio, {"in/a.csv": b"1", "in/sub/b.csv": b"2"})
    wish = processing.request(
        studio,
        image,
        "copy",
        "cd /opt/ml/processing; mkdir out/sub; cp in/a.csv out/sub/; cat in/sub/b.csv > out/b",
        inputs=[processing.source(studio, "in", "in", "/opt/ml/processing/in")],
        outputs=[processing.output(studio, "o", "o", "/opt/ml/processing/out", "EndOfJob")],
    )
    studio.client("sagemaker").create_processing_job(**wish)
    job = processing.wait(studio, "copy")
    keys = sorted(processing.keys(studio, "o/"))
    return {"status": job["ProcessingJobStatus"], "reason": job.get("FailureReason"), "keys": keys}


def serve(studio: RunningStudio, image: str, *, isolated: bool) -> str:
    """Deploy a model, on a network without a way out or not; return what it answers."""
    name = f"isolated-{isolated}"
    sagemaker = studio.client("sagemaker")
    put(studio, {"model.tar.gz": pack({"name": name}, "w:gz")})
    url = f"s3://{studio.bucket}/model.tar.gz"
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": image, "ModelDataUrl": url},
        EnableNetworkIsolation=isolated,
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[production(name, 1)]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    runtime = studio.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=name, Body=b"1,2")
    return str(answer["Body"].read().decode())


def main(root: str, image: str) -> None:
    """Use a studio in ``root`` and print what happened."""
    boto3.set_stream_logger("botocore", 40)
    studio = RunningStudio(load_settings(Path(root), compute="docker"))
    studio.start()
    try:
        found = {
            "train": train(studio),
            "meet": meet(studio, image),
            "process": process(studio, image),
            "answers": [serve(studio, image, isolated=isolated) for isolated in (False, True)],
        }
    finally:
        studio.stop(containers=True)
        studio.forget()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
