"""Jobs that print, write and start more than any machine has; the studio and others go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jupyter_mlstudio.compute.docker_logs import CUT, MAX_LINE
from jupyter_mlstudio.core.logs import _CUT
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import GROUP, channel, get, log_streams, members, put, request, shell, wait

from .watch import watched

pytestmark = pytest.mark.docker

LATEST = 20.0
"""Seconds after which a line is in its log, whatever else is printed."""
LINE = "0123456789" * 9 + "12345678"
SHORT = {"bytes": 20_000_000, "line": 8 << 20, "seconds": 3, "files": 10_000, "matches": 5_000}
LONG = {"bytes": 2 << 30, "line": 1 << 30, "seconds": 40, "files": 1_000_000, "matches": 1_000_000}

# Each host does its own harm; what they print says how it went.
HARM = r"""
case "$(hostname)" in
algo-1) yes "$LINE" | head -c "$BYTES" ;;
algo-2)
    n=0; while [ $n -lt $((SECONDS_ * 10)) ]; do n=$((n + 1)); echo "tick $n"; sleep 0.1; done ;;
algo-3)
    head -c "$LONG_LINE" /dev/zero | tr '\0' x; echo
    printf 'nul \0 bell \a red \033[31mred\033[0m\n'
    printf 'bad \377\376 bytes\n'
    printf 'one\rtwo\rthree\n'
    head -c 300000 /dev/urandom; echo
    echo end ;;
algo-4)
    perl -e '$SIG{CHLD} = "IGNORE"; my @p;
        while (defined(my $p = fork)) { if (!$p) { sleep 60; exit } push @p, $p }
        print "forked " . (@p > 1000 ? "many" : scalar @p) . ": $!\n"; kill 9, @p'
    perl -e 'my @f; while (open(my $f, "<", "/dev/null")) { push @f, $f }
        print "opened " . (@f > 1000 ? "many" : scalar @f) . ": $!\n"' ;;
esac
"""


def harm(size: dict[str, int]) -> str:
    given = {
        "LINE": LINE,
        "BYTES": size["bytes"],
        "LONG_LINE": size["line"],
        "SECONDS_": size["seconds"],
    }
    return "\n".join([*(f"{name}={value}" for name, value in given.items()), HARM])


def many_hosts(studio: RunningStudio, image: str, name: str, script: str, count: int) -> Any:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
    changes = {"ResourceConfig": resources, "StoppingCondition": {"MaxRuntimeInSeconds": 1200}}
    return request(studio, image, name, **changes, **shell(studio, image, name, script))


@contextmanager
def ticks(studio: RunningStudio, name: str) -> Iterator[list[float]]:
    """Read the log of the second host as it grows; give how late its lines were."""
    late: list[float] = []
    over = threading.Event()
    logs = studio.client("logs")

    def read() -> None:
        token: dict[str, str] = {}
        while not over.wait(0.2):
            streams = logs.describe_log_streams(
                logGroupName=GROUP, logStreamNamePrefix=f"{name}/algo-2"
            )["logStreams"]
            if not streams:
                continue
            page = logs.get_log_events(
                logGroupName=GROUP,
                logStreamName=streams[0]["logStreamName"],
                startFromHead=True,
                **token,
            )
            now = time.time()
            late.extend(now - event["timestamp"] / 1000 for event in page["events"])
            token = {"nextToken": page["nextForwardToken"]}

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield late
    finally:
        over.set()
        thread.join()


def flood(studio: RunningStudio, size: dict[str, int]) -> dict[str, list[str]]:
    """Let four hosts do harm; return what is in their logs."""
    image, name = build(), f"flood-{size['bytes']}"
    wish = many_hosts(studio, image, name, harm(size), 4)
    with watched(studio) as seen:
        studio.client("sagemaker").create_training_job(**wish)
        until_logged(studio, name)
        with ticks(studio, name) as late:
            job = wait(studio, name, 1200)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen.check()
    assert late
    assert max(late) < LATEST
    print(f"{size['bytes'] / 1e6:.0f} MB: {seen.summary()}, logs late by {max(late):.1f} s at most")
    streams = log_streams(studio, name)
    return {stream.partition("/")[2].rpartition("-")[0]: streams[stream] for stream in streams}


def until_logged(studio: RunningStudio, name: str) -> None:
    """Wait for the log group, which the first line of the first job makes."""
    deadline = time.monotonic() + 120
    while not any((studio.log_folder).glob(f"*/{name}/*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_logs(size: dict[str, int], logs: dict[str, list[str]]) -> None:
    cut = _CUT.decode().strip()
    lines = size["bytes"] // (len(LINE) + 1)
    if logs["algo-1"][-1] == cut:
        assert set(logs["algo-1"][:-1]) == {LINE}
        assert len(logs["algo-1"]) > (128 << 20) / len(LINE)
    else:
        assert logs["algo-1"] in ([LINE] * lines, [LINE] * lines + [LINE[: size["bytes"] % 99]])
    assert logs["algo-2"] == [f"tick {n}" for n in range(1, size["seconds"] * 10 + 1)]
    long, *rest = logs["algo-3"]
    assert long == "x" * MAX_LINE + CUT
    if rest != [cut]:
        assert rest[0] == "nul \0 bell \a red \x1b[31mred\x1b[0m"
        assert rest[1] == "bad \ufffd\ufffd bytes"
        assert rest[2] == "one\rtwo\rthree"
        assert rest[-1] == "end"
    assert logs["algo-4"] == [
        "forked many: Resource temporarily unavailable",
        "opened many: Too many open files",
    ]


def test_a_flood_stays_in_its_bed(docker_studio: RunningStudio) -> None:
    check_logs(SHORT, flood(docker_studio, SHORT))


def test_many_files_are_no_trouble(docker_studio: RunningStudio) -> None:
    files(docker_studio, SHORT["files"], 200)


def test_many_values_are_all_counted(docker_studio: RunningStudio) -> None:
    metrics(docker_studio, SHORT["matches"])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_long_flood_stays_in_its_bed(make_studio: Callable[[str], RunningStudio]) -> None:
    studio = make_studio("docker")
    logs = flood(studio, LONG)
    check_logs(LONG, logs)
    assert logs["algo-1"][-1] == _CUT.decode().strip()


FILES = r"""
find /opt/ml/input/data/many -type f | wc -l
perl -e 'for my $n (1 .. $ARGV[0]) { my $d = sprintf "%s/%03d", $ARGV[1], $n / 1000; mkdir $d;
    open(my $f, ">", "$d/$n") or die $!; print $f $n }' HALF /opt/ml/model
perl -e 'for my $n (1 .. $ARGV[0]) { my $d = sprintf "%s/%03d", $ARGV[1], $n / 1000; mkdir $d;
    open(my $f, ">", "$d/$n") or die $!; print $f $n }' HALF /opt/ml/output/data
"""


def files(studio: RunningStudio, number: int, inputs: int) -> None:
    """Read and write many small files."""
    image, name = build(), f"files-{number}"
    put(studio, {f"{name}/in/{n}": b"x" for n in range(inputs)})
    code = shell(studio, image, name, FILES.replace("HALF", str(number // 2)))
    code["InputDataConfig"].append(channel(studio, "many", f"{name}/in/"))
    with watched(studio) as seen:
        studio.client("sagemaker").create_training_job(
            **request(studio, image, name, **code, StoppingCondition={"MaxRuntimeInSeconds": 3600})
        )
        job = wait(studio, name, 3000)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen.check()
    found = members(get(studio, job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert len(found) == number // 2
    assert list(log_streams(studio, name).values()) == [[str(inputs)]]
    print(f"{inputs} files read, {number} written: {seen.summary()}")


def metrics(studio: RunningStudio, number: int) -> None:
    """Print many values of a metric; each is there once."""
    image, name = build(), f"metrics-{number}"
    script = f"seq -f 'loss=%.0f;' 1 {number}"
    wish = request(studio, image, name, **shell(studio, image, name, script))
    definitions = [{"Name": "loss", "Regex": "loss=([0-9]+);"}]
    wish["AlgorithmSpecification"]["MetricDefinitions"] = definitions
    wish["StoppingCondition"] = {"MaxRuntimeInSeconds": 3600}
    with watched(studio) as seen:
        began = time.monotonic()
        studio.client("sagemaker").create_training_job(**wish)
        job = wait(studio, name, 3000)
        took = time.monotonic() - began
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen.check()
    assert job["FinalMetricDataList"][0]["Value"] == number
    (log,) = studio.log_folder.glob(f"*/{name}/*")
    assert log.read_bytes().count(b"\n") == number
    counted = studio.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=job["CreationTime"].replace(microsecond=0),
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=["SampleCount"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in counted) == number
    print(f"{number} values of a metric in {took:.0f} s: {seen.summary()}")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_files(make_studio: Callable[[str], RunningStudio]) -> None:
    files(make_studio("docker"), LONG["files"], 20_000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_values(make_studio: Callable[[str], RunningStudio]) -> None:
    metrics(make_studio("docker"), LONG["matches"])


@pytest.mark.soak
def test_who_needs_more_memory_than_there_is_is_told(docker_studio: RunningStudio) -> None:
    image, name = build(), "hungry"
    script = "echo begun; cat /dev/zero | tail -c 9000000000; exit $?"
    wish = request(
        docker_studio,
        image,
        name,
        **shell(docker_studio, image, name, script),
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    with watched(docker_studio) as seen:
        docker_studio.client("sagemaker").create_training_job(**wish)
        job = wait(docker_studio, name, 120)
    seen.check()
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "AlgorithmError: The job ran out of memory: it needed more than the limit of"
        " 4.0 GiB that ml.t3.medium has on this machine, exit code: 137"
    )
    assert log_streams(docker_studio, name).popitem()[1][0] == "begun"
