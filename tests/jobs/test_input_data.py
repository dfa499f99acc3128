"""Input data as real containers and processes find it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import RunningStudio

from .jobs import channel, log_lines, put, run, unique

FIND = r"""
cd /opt/ml/input/data
find . -type f -not -path './code*' | sort | while read -r f; do
    echo "saw $f $(tr '\n' ' ' < "$f")"
done
echo more >> fast/a; rm -r listed/sub; echo "inputs $(cat ../config/inputdataconfig.json)"
"""


def scripted(studio: RunningStudio, image: str, name: str, script: str) -> dict[str, Any]:
    """Return what makes a job run a shell script, which it gets as channel ``code``."""
    put(studio, {f"{name}/code/run.sh": script.encode()})
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-e", "/opt/ml/input/data/code/run.sh"],
        },
        "InputDataConfig": [channel(studio, "code", f"{name}/code/")],
    }


@pytest.mark.docker
def test_a_container_finds_manifests_fast_files_and_lists_of_them(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("listed")
    prefix = {"prefix": f"s3://{studio.bucket}/{name}/in/"}
    manifest = json.dumps([prefix, "sub/b", "a"]).encode()
    put(studio, {f"{name}/in/a": b"1\n", f"{name}/in/sub/b": b"2\n", f"{name}/in/c": b"3\n"})
    put(studio, {f"{name}/list": manifest})
    listed = channel(studio, "listed", f"{name}/list")
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    asked = scripted(studio, foreign_image, name, FIND)
    fast = channel(studio, "fast", f"{name}/in/a", InputMode="FastFile")
    asked["InputDataConfig"] += [listed, fast]
    job = run(
        studio,
        foreign_image,
        name,
        **asked,
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = log_lines(studio, name)
    folder = json.dumps({"prefix": f"s3://{studio.bucket}/{name}/in/"})
    assert [line.strip() for line in lines if line.startswith("saw ")] == [
        "saw ./fast-manifest " + f'[{folder}, "a"]',
        "saw ./fast/a 1",
        "saw ./listed-manifest " + f'[{folder}, "sub/b", "a"]',
        "saw ./listed/a 1",
        "saw ./listed/sub/b 2",
    ]
    config = json.loads(next(line for line in lines if line.startswith("inputs "))[7:])
    assert {entry["TrainingInputMode"] for entry in config.values()} == {"File"}
    s3 = studio.client("s3")
    for key, body in (("a", b"1\n"), ("sub/b", b"2\n")):
        found = s3.get_object(Bucket=studio.bucket, Key=f"{name}/in/{key}")["Body"].read()
        assert found == body
