"""Input data as real containers and processes find it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

from jupyter_mlstudio.jobs.inputs import feeder as feeder_module
from jupyter_mlstudio.studio import client as studio_client
from tests.conftest import RunningStudio

from .jobs import (
    XGBOOST,
    channel,
    log_lines,
    put,
    request,
    run,
    script_archive,
    shell,
    unique,
    wait,
)

FEEDER = feeder_module.__name__

FIND = r"""set -e; cd /opt/ml/input/data
find . -type f -not -path './code*' | sort | while read -r f; do
    echo "saw $f $(tr '\n' ' ' < "$f")"
done
echo more >> fast/a; rm -r listed/sub; echo "inputs $(cat ../config/inputdataconfig.json)"
"""


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
    asked = shell(studio, foreign_image, name, FIND)
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


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()  # noqa: S324 - what md5sum prints


def pipe(studio: RunningStudio, name: str, prefix: str, **more: Any) -> dict[str, Any]:
    return channel(studio, name, prefix, InputMode="Pipe", **more)


def starts(studio: RunningStudio, name: str, prefix: str) -> list[str]:
    """Return the lines of a job's hosts that start with something, without it."""
    return sorted(
        line.removeprefix(prefix).strip()
        for line in log_lines(studio, name)
        if line.startswith(prefix)
    )


EPOCHS = r"""set -e; cd /opt/ml/input/data
next() { until [ -p "$1" ]; do sleep 0.05; done; echo "saw $HOSTNAME $1 $(md5sum < "$1")"; }
next plain_0; next plain_1; next packed_0; next cut_0; next plain_2
ls -d plain* | tr '\n' ' ' | sed 's/^/left /'; echo
[ "$(id -u)" = 0 ] && rm plain_3 && ln -s /etc/passwd plain_3; echo ok > /opt/ml/model/ok
"""


@pytest.mark.docker
def test_two_hosts_read_epochs_from_their_fifos(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("epochs")
    bodies = [os.urandom(1_000_000 + number) for number in range(3)]
    put(studio, {f"{name}/in/{number}": body for number, body in enumerate(bodies)})
    put(studio, {f"{name}/gz/{number}": gzip.compress(body) for number, body in enumerate(bodies)})
    cut = pipe(studio, "cut", f"{name}/in/")
    cut["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    asked = shell(studio, foreign_image, name, EPOCHS)
    asked["InputDataConfig"] += [
        pipe(studio, "plain", f"{name}/in/"),
        pipe(studio, "packed", f"{name}/gz/", CompressionType="Gzip"),
        cut,
    ]
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = run(studio, foreign_image, name, ResourceConfig=resources, **asked)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    whole = md5(b"".join(bodies))
    shards = {"algo-1": md5(bodies[0] + bodies[2]), "algo-2": md5(bodies[1])}
    assert starts(studio, name, "saw ") == sorted(
        f"{host} {fifo} {digest}  -"
        for host, shard in shards.items()
        for fifo, digest in (
            *((f"plain_{epoch}", whole) for epoch in range(3)),
            ("packed_0", whole),
            ("cut_0", shard),
        )
    )
    assert starts(studio, name, "left ") == ["plain_3"] * 2
    eventually_no_feeder(studio)


def feeders(studio: RunningStudio) -> list[psutil.Process]:
    """Return the processes that feed jobs of a studio."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline()
            if FEEDER in line and str(studio.settings.root) in line[-1]:
                found.append(process)
    return found


def eventually_no_feeder(studio: RunningStudio) -> None:
    deadline = time.monotonic() + 10
    while feeders(studio):
        assert time.monotonic() < deadline
        time.sleep(0.05)


SLOWLY = r"""set -e
exec 3< /opt/ml/input/data/train_0
dd bs=1M count=20 iflag=fullblock of=/tmp/first <&3 2>/dev/null; echo "read some"
sleep 3; cat /tmp/first - <&3 | md5sum | sed 's/^/all /'
"""


def big(studio: RunningStudio, image: str, name: str) -> str:
    """Start a job that reads 200 MiB and pauses on the way; return their digest."""
    block = os.urandom(10 << 20)
    put(studio, {f"{name}/in/{number:02}": block for number in range(20)})
    asked = shell(studio, image, name, SLOWLY)
    asked["InputDataConfig"].append(pipe(studio, "train", f"{name}/in/"))
    studio.client("sagemaker").create_training_job(**request(studio, image, name, **asked))
    deadline = time.monotonic() + 60
    while "read some" not in log_lines(studio, name):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return md5(block * 20)


@pytest.mark.docker
def test_data_flows_on_when_the_studio_is_killed(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("flows")
    digest = big(studio, foreign_image, name)
    running = studio_client.find(studio.settings)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    (feeder,) = feeders(studio)
    studio.start()
    assert feeders(studio) == [feeder]
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert starts(studio, name, "all ") == [f"{digest}  -"]
    eventually_no_feeder(studio)


@pytest.mark.docker
def test_a_job_that_saw_only_part_of_its_data_fails(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    studio, name = docker_studio, unique("part")
    digest = big(studio, foreign_image, name)
    (feeder,) = feeders(studio)
    feeder.kill()
    job = wait(studio, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "InternalServerError: The process that feeds the Pipe mode channels of algo-1 was killed"
    )
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == ""
    assert starts(studio, name, "all ") != [f"{digest}  -"]


READ = """
import hashlib, json, os, time
folder = os.environ["SM_INPUT_DIR"] + "/data/"
print("mode", json.loads(os.environ["SM_INPUT_DATA_CONFIG"])["train"]["TrainingInputMode"])
for epoch in range(2):
    while not os.path.exists(folder + f"train_{epoch}"):
        time.sleep(0.05)
    with open(folder + f"train_{epoch}", "rb") as fifo:
        print("saw", epoch, hashlib.md5(fifo.read()).hexdigest())
print("listed", json.load(open(folder + "listed-manifest"))[1:], open(folder + "listed/b").read())
open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").write("ok")
"""


def test_a_plain_process_reads_its_fifos_and_manifests(process_studio: RunningStudio) -> None:
    studio, name = process_studio, unique("process")
    bodies = [os.urandom(500_000) for _ in range(2)]
    put(studio, {f"{name}/in/{number}": body for number, body in enumerate(bodies)})
    manifest = json.dumps([{"prefix": f"s3://{studio.bucket}/{name}/"}, "b"]).encode()
    put(studio, {f"{name}/source.tar.gz": script_archive(READ), f"{name}/b": b"beta"})
    put(studio, {f"{name}/list": manifest})
    listed = channel(studio, "listed", f"{name}/list")
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    job = run(
        studio,
        XGBOOST,
        name,
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{studio.bucket}/{name}/source.tar.gz"',
        },
        InputDataConfig=[pipe(studio, "train", f"{name}/in/"), listed],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    digest = md5(b"".join(bodies))
    assert starts(studio, name, "saw ") == [f"0 {digest}", f"1 {digest}"]
    assert starts(studio, name, "mode ") == ["Pipe"]
    assert starts(studio, name, "listed ") == ["['b'] beta"]
    eventually_no_feeder(studio)


@pytest.mark.parametrize(
    ("compute", "kind"),
    [
        pytest.param("docker", "text/csv", marks=pytest.mark.docker),
        ("process", "text/libsvm"),
    ],
)
def test_the_built_in_algorithm_learns_the_same_from_a_pipe(
    request: pytest.FixtureRequest, compute: str, kind: str
) -> None:
    studio: RunningStudio = request.getfixturevalue(f"{compute}_studio")
    name = unique("algorithm")
    row = "{0},{1},{2}\n" if kind == "text/csv" else "{0} 1:{1} 2:{2}\n"
    rows = [row.format(n % 2, n % 7, n % 2 * 3) for n in range(100)]
    put(studio, {f"{name}/in/{part}": "".join(rows[part::2]).encode() for part in (0, 1)})
    found = {}
    for mode in ("File", "Pipe"):
        given = [
            channel(studio, part, f"{name}/in/", InputMode=mode, ContentType=kind)
            for part in ("train", "validation")
        ]
        job = run(
            studio,
            XGBOOST,
            f"{name}-{mode}",
            HyperParameters={"num_round": "3", "eval_metric": "rmse"},
            InputDataConfig=given,
        )
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        found[mode] = {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}
    assert found["Pipe"] == found["File"]
    assert found["Pipe"].keys() == {"train:rmse", "validation:rmse"}
