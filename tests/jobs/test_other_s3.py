"""Jobs and endpoints whose objects are in another S3 than ours."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from jupyter_mlstudio.cli.commands import main
from jupyter_mlstudio.core.settings import load_settings
from tests.conftest import RunningStudio
from tests.elsewhere import Elsewhere
from tests.endpoints.shell import pack
from tests.endpoints.world import production

from .jobs import XGBOOST, channel, log_lines, put, request, run, wait

BUCKET = "objects-elsewhere"
SCRIPT = """
import boto3, os
s3 = boto3.client("s3")
print("identity", boto3.client("sts").get_caller_identity()["Arn"])
s3.put_object(Bucket=os.environ["BUCKET"], Key="inside", Body=b"hello")
print("keys", sorted(name for name in os.environ if name.startswith("AWS_") and "KEY" in name))
"""


pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def studio(
    other_s3: Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    root = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in other_s3.environment.items():
            patch.setenv(name, value)
        elsewhere = ["--s3-endpoint", other_s3.url, "--s3-bucket", BUCKET]
        assert main(["start", "--root", str(root), "--compute", "docker", *elsewhere]) == 0
        studio = RunningStudio(load_settings(root))
        yield studio
        studio.stop(containers=True)
        studio.forget()


def cached(studio: RunningStudio) -> set[str]:
    """Return the digests of everything that has been fetched."""
    files = (studio.settings.fetched / "cache").rglob("*")
    return {hashlib.md5(file.read_bytes()).hexdigest() for file in files if file.is_file()}  # noqa: S324


def test_train_with_a_channel_and_deploy_the_model(
    studio: RunningStudio, other_s3: Elsewhere, foreign_image: str
) -> None:
    image = foreign_image
    assert studio.bucket == BUCKET
    data = b"1,10\n2,30\n"
    put(studio, {"in/a.csv": data, "in/sub/b.csv": b"3,20\n"})
    job = run(
        studio,
        image,
        "train",
        HyperParameters={"scribble": "yes"},
        InputDataConfig=[channel(studio, "train", "in/")],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    digest = hashlib.md5(data).hexdigest()  # noqa: S324
    assert f"input train ./a.csv {digest}" in log_lines(studio, "train")
    # What the container wrote on its copy is not in what was fetched.
    assert digest in cached(studio)
    direct = other_s3.client()
    key = "out/train/output/model.tar.gz"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{studio.bucket}/{key}"
    assert direct.head_object(Bucket=studio.bucket, Key=key)["ContentLength"]
    assert not studio.settings.objects.exists()
    before = cached(studio)
    studio.restart()
    again = run(studio, image, "again", InputDataConfig=[channel(studio, "train", "in/")])
    assert again["TrainingJobStatus"] == "Completed"
    assert cached(studio) == before
    answer = deploy(studio, image, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert answer == b"40"
    direct.close()


def deploy(studio: RunningStudio, image: str, model: str) -> bytes:
    sagemaker = studio.client("sagemaker")
    sagemaker.create_model(
        ModelName="m",
        PrimaryContainer={"Image": image, "ModelDataUrl": model},
        ExecutionRoleArn=studio.role,
    )
    sagemaker.create_endpoint_config(EndpointConfigName="m", ProductionVariants=[production("m")])
    sagemaker.create_endpoint(EndpointName="m", EndpointConfigName="m")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="m", WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    answer = studio.client("sagemaker-runtime").invoke_endpoint(EndpointName="m", Body=b"2")
    body: bytes = answer["Body"].read()
    sagemaker.delete_endpoint(EndpointName="m")
    return body


def test_code_in_a_job_reaches_it_with_the_keys_of_its_role(
    studio: RunningStudio, other_s3: Elsewhere
) -> None:
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
    lines = log_lines(studio, "script")
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines)
    assert any(line.startswith("identity arn:aws:sts::000000000000:assumed-role") for line in lines)
    assert "keys []" in lines
    direct = other_s3.client()
    assert direct.get_object(Bucket=studio.bucket, Key="inside")["Body"].read() == b"hello"
    direct.close()


def test_presigned_urls_lead_there(studio: RunningStudio) -> None:
    put(studio, {"shared": b"by url"})
    where: dict[str, Any] = {"Bucket": studio.bucket, "Key": "shared"}
    url = studio.client("s3").generate_presigned_url("get_object", Params=where)
    assert requests.get(url, timeout=10).content == b"by url"


def test_what_is_not_there_fails_the_job(studio: RunningStudio) -> None:
    name = "nothing"
    channels = [channel(studio, "train", "no/such/prefix")]
    studio.client("sagemaker").create_training_job(
        **request(studio, XGBOOST, name, InputDataConfig=channels)
    )
    assert "No S3 objects found" in wait(studio, name)["FailureReason"]


def test_the_keys_of_the_other_store_are_nowhere_in_the_root(
    studio: RunningStudio, other_s3: Elsewhere
) -> None:
    secret = other_s3.secret_key.encode()
    for folder, _, names in os.walk(studio.settings.root):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                assert secret not in path.read_bytes(), path
