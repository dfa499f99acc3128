"""Many jobs while the studio and its processes are killed at random; run by ``make soak``."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import EndpointConnectionError

from jupyter_mlstudio.studio import client
from tests import invariants
from tests.conftest import RunningStudio
from tests.jobs import test_processing as processing
from tests.jobs.images import build
from tests.jobs.jobs import (
    XGBOOST,
    get,
    log_lines,
    log_streams,
    members,
    put,
    request,
    shell,
    wait,
)

pytestmark = [pytest.mark.soak, pytest.mark.docker]

JOBS = 40
KILLS = 12
TINY = 200


@pytest.mark.timeout(3000)
def test_killing_the_studio_loses_no_job_and_no_line(
    make_studio: Callable[[str], RunningStudio],
) -> None:
    studio, image = make_studio("docker"), build()
    dice = random.Random(7)
    names = [f"soak-{n}" for n in range(JOBS)]
    for name in names:
        studio.client("sagemaker").create_training_job(
            **request(studio, image, name, HyperParameters={"lines": "20", "pause": "0.1"})
        )
    kill(studio, dice, KILLS)
    for name in names:
        job = wait(studio, name, 600)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
        assert lines == [f"line {n} loss=0.{n};" for n in range(1, 21)]
    invariants.until_sound(studio.settings)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kills", [0, 20])
def test_two_hundred_tiny_jobs_all_end(
    make_studio: Callable[[str], RunningStudio], kills: int
) -> None:
    studio, image = make_studio("docker"), build()
    sagemaker, began = studio.client("sagemaker"), time.monotonic()
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    names = [f"tiny-{n}" for n in range(TINY)]
    script = 'echo "I am here"; echo x > /opt/ml/model/x'
    code = shell(studio, image, "tiny", script)
    for name in names:
        sagemaker.create_training_job(
            **request(studio, image, name, **code, ResourceConfig=resources)
        )
    accepted = time.monotonic() - began
    kill(studio, random.Random(13), kills)
    for name in names:
        job = wait(studio, name, 1500)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert log_lines(studio, name) == ["I am here"]
    took = time.monotonic() - began
    print(f"{TINY} jobs accepted in {accepted:.0f} s, ended in {took:.0f} s, {kills} kills")
    invariants.until_sound(studio.settings)


def kill(studio: RunningStudio, dice: random.Random, times: int, longest: float = 4) -> None:
    """Kill the studio, its S3 front or its gateway at random moments."""
    for _ in range(times):
        time.sleep(dice.uniform(0.1, longest))
        running = client.find(studio.settings)
        assert running is not None
        processes = running.health()["processes"]
        victim = dice.choice([running.pid, running.pid, *processes.values()])
        os.kill(victim, signal.SIGKILL)
        if victim == running.pid:
            studio.start()
    until_s3_answers(studio)


def until_s3_answers(studio: RunningStudio) -> None:
    """Wait until the S3 front is back."""
    deadline = time.monotonic() + 30
    while True:
        try:
            studio.client("s3").list_buckets()
        except EndpointConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


WORK = """
n=0; while [ $n -lt 10 ]; do n=$((n + 1)); echo "line $n"; sleep 0.1; done
mkdir -p /opt/ml/model /opt/ml/checkpoints /opt/ml/processing/out
echo "$HOSTNAME" > "/opt/ml/model/$HOSTNAME"
echo x >> /opt/ml/checkpoints/x
echo "$HOSTNAME" > "/opt/ml/processing/out/$HOSTNAME"
"""
LINES = [f"line {n}" for n in range(1, 11)]


@pytest.mark.timeout(3000)
def test_killing_the_studio_loses_nothing_of_several_hosts_pools_and_processing(
    make_studio: Callable[[str], RunningStudio],
) -> None:
    studio, image = make_studio("docker"), build()
    sagemaker, dice = studio.client("sagemaker"), random.Random(11)
    size = {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
    for n in range(6):
        put(studio, {f"c{n}/x": b"0\n"})
        for kind, of, resources in (
            ("hosts", image, {**size, "InstanceCount": 2}),
            ("warm", XGBOOST, {**size, "InstanceCount": 1, "KeepAlivePeriodInSeconds": 20}),
        ):
            name = f"{kind}-{n}"
            sagemaker.create_training_job(
                **request(
                    studio,
                    of,
                    name,
                    **shell(studio, of, name, WORK),
                    ResourceConfig=resources,
                    CheckpointConfig={"S3Uri": f"s3://{studio.bucket}/c{n}/{kind}"},
                )
            )
        out = processing.output(studio, "o", f"p{n}", "/opt/ml/processing/out", "EndOfJob")
        sagemaker.create_processing_job(
            **processing.request(studio, image, f"p-{n}", WORK, count=2, outputs=[out])
        )
    kill(studio, dice, 16, 8)
    reused = 0
    for n in range(6):
        for kind, hosts in (("hosts", ["algo-1", "algo-2"]), ("warm", ["algo-1"])):
            job = wait(studio, f"{kind}-{n}", 600)
            assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
            model = members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
            assert sorted(model) == hosts
            assert list(log_streams(studio, f"{kind}-{n}").values()) == [LINES] * len(hosts)
            assert get(studio, f"s3://{studio.bucket}/c{n}/{kind}/x") == b"x\n"
            reused += job.get("WarmPoolStatus", {}).get("Status") == "Reused"
        job = processing.wait(studio, f"p-{n}", 600)
        assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
        assert processing.keys(studio, f"p{n}/") == {"algo-1", "algo-2"}
        streams = log_streams(studio, f"p-{n}", processing.GROUP)
        assert list(streams.values()) == [LINES] * 2
    print(f"{reused} of 6 warm pools were used")
    invariants.until_sound(studio.settings)
