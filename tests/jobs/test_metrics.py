"""Metrics that jobs print and write to files, hostile ones too."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core.logs import LogEvent
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.training import metric_files
from jupyter_mlstudio.jobs.training.kind import LOG_GROUP
from jupyter_mlstudio.jobs.training.metric_files import FOLDER, collect, read_line
from jupyter_mlstudio.jobs.training.metrics import LogScanner
from tests.conftest import RunningStudio

from .jobs import request, unique, wait
from .local import job_row, local_studio

HOSTILE = {"Name": "hostile", "Regex": "(a|aa)+$"}
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+)"}
STREAM = "job/algo-1-1"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with local_studio(tmp_path / "root", {}) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "base" / FOLDER
    made.mkdir(parents=True)
    return made


def line(name: str, value: object, **members: object) -> str:
    return json.dumps({"MetricName": name, "Value": value, **members}) + "\n"


def stored(studio: Studio, arn: str) -> dict[str, list[float]]:
    return {series.name: series.values for series in studio.metrics.series(arn)}


# What jobs print


class Disturbed:
    """An expression whose search is told twice that its time is over, by no fault of its own."""

    def __init__(self) -> None:
        self.searches = 0

    def search(self, text: str, **_: object) -> Any:
        self.searches += 1
        if self.searches < 3:
            raise TimeoutError
        return regex.search("loss=([0-9.]+)", text)


def test_a_search_that_was_only_kept_waiting_is_made_again(studio: Studio) -> None:
    """Or values are lost on a busy machine."""
    scanner, pattern = LogScanner(studio), Disturbed()
    event = LogEvent(0, 1000, "loss=0.5")
    found = scanner._point(job_row(studio), {"loss": 1.0}, "loss", cast("Any", pattern), event)
    assert found is not None
    assert (found.value, pattern.searches) == (0.5, 3)


def test_a_hostile_expression_is_switched_off_and_said_for_good(studio: Studio) -> None:
    job = job_row(studio)
    algorithm = {"TrainingImage": "i", "MetricDefinitions": [HOSTILE, LOSS]}
    with studio.store.edit(job.uid) as draft:
        draft.wish["AlgorithmSpecification"] = algorithm
        draft.facts["SecondaryStatus"] = "Training"
    logs = studio.logs(job)
    text = "a" * 60 + "!"
    logs.append(
        LOG_GROUP,
        STREAM,
        [LogLine(n, f"{text} loss={n};") for n in range(1, 2001)],
    )
    scanner = LogScanner(studio)
    began = time.monotonic()
    scanner.scan(draft, STREAM)
    assert time.monotonic() - began < 20, "a line may take 0.05 s, and 2000 a second together"
    assert stored(studio, job.arn)["loss"] == [float(n) for n in range(1, 2001)]
    last = studio.store.history(job.uid)[-1]
    assert (last.status, "Metric hostile is read no further" in last.message) == ("Training", True)
    found = studio.store.by_uid(job.uid)
    assert found is not None
    assert found.facts["MetricsSwitchedOff"] == ["hostile"]
    # Also for a studio that starts anew.
    logs.append(LOG_GROUP, STREAM, [LogLine(n, text) for n in range(3000, 3100)])
    began = time.monotonic()
    LogScanner(studio).scan(draft, STREAM)
    assert time.monotonic() - began < 0.5


@pytest.mark.docker
def test_a_job_that_prints_hostile_lines_keeps_no_other_waiting(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    sagemaker = docker_studio.client("sagemaker")
    small = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}

    def start(name: str, definition: dict[str, str], script: str) -> None:
        algorithm = {
            "TrainingImage": foreign_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [definition],
            "ContainerEntrypoint": ["perl", "-e", f"$| = 1; {script}"],
        }
        sagemaker.create_training_job(
            **request(
                docker_studio,
                foreign_image,
                name,
                AlgorithmSpecification=algorithm,
                ResourceConfig=small,
            )
        )

    bad, good = unique("hostile"), unique("honest")
    start(bad, HOSTILE, 'print "a" x 60, "!\\n" for 1..100000')
    start(good, LOSS, 'for (1..20) { print "loss=$_;\\n"; select undef, undef, undef, 0.1 }')
    job = wait(docker_studio, good)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["FinalMetricDataList"][0]["Value"] == 20.0
    assert job["TrainingEndTime"] - job["TrainingStartTime"] < timedelta(seconds=60)
    job = wait(docker_studio, bad)
    assert job["TrainingJobStatus"] == "Completed"
    messages = [step["StatusMessage"] for step in job["SecondaryStatusTransitions"]]
    assert any("Metric hostile is read no further" in message for message in messages)
    sagemaker.close()


# What jobs write to files


def test_lines_count_once_and_those_not_ended_wait(studio: Studio, folder: Path) -> None:
    job, base = job_row(studio), folder.parents[4]
    file = folder / "1-a.json"
    file.write_text(line("loss", 3, Timestamp=1000.5, IterationNumber=7) + line("loss", 2, Step=8))
    with file.open("a") as more:
        more.write(line("loss", 1)[:-5])
    collect(studio, job, base, "1", ended=False)
    collect(studio, job, base, "1", ended=False)
    (series,) = studio.metrics.series(job.arn)
    assert (series.values, series.steps, series.times[0]) == ([3, 2], [7, 8], 1000.5)
    assert series.times[1] == pytest.approx(time.time(), abs=60)
    with file.open("a") as more:
        more.write(line("loss", 1)[-5:] + line("auc", 0.5).rstrip())
    (folder / "other.jsonl").write_text(line("other", 9))
    (folder / "notes.txt").write_text(line("notes", 9))
    collect(studio, job, base, "1", ended=False)
    assert stored(studio, job.arn) == {"loss": [3, 2, 1], "other": [9]}
    for _ in range(2):
        collect(studio, job, base, "1", ended=True)
    assert stored(studio, job.arn) == {"auc": [0.5], "loss": [3, 2, 1], "other": [9]}


def test_every_host_and_every_attempt_has_files_of_its_own(studio: Studio, folder: Path) -> None:
    job, base = job_row(studio), folder.parents[4]
    (folder / "m.json").write_text(line("loss", 1))
    collect(studio, job, base, "1", ended=True)
    collect(studio, job, base, "2", ended=True)
    collect(studio, replace(job, facts={"Retries": 1}), base, "1", ended=True)
    assert stored(studio, job.arn) == {"loss": [1, 1, 1]}


def test_hostile_files_are_left_out(
    studio: Studio, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, base = job_row(studio), folder.parents[4]
    secret = tmp_path / "secret.json"
    secret.write_text(line("secret", 1))
    (folder / "link.json").symlink_to(secret)
    (folder / "up.json").symlink_to("../../../../../../secret.json")
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    (folder / os.fsdecode(b"\xff.json")).write_text(line("odd", 1))
    with (folder / "huge.json").open("wb") as file:
        file.truncate(1 << 30)
    long = " " * metric_files.LONGEST
    (folder / "long.json").write_text(line("a", 1) + long + line("lost", 1) + line("b", 2))
    began = time.monotonic()
    collect(studio, job, base, "1", ended=True)
    assert time.monotonic() - began < 10
    assert stored(studio, job.arn) == {"a": [1], "b": [2], "odd": [1]}
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "x.json").write_text(line("elsewhere", 1))
    folder.rename(tmp_path / "away")
    folder.symlink_to(other)
    collect(studio, job, base, "1", ended=True)
    assert "elsewhere" not in stored(studio, job.arn)
    monkeypatch.setattr(metric_files, "MOST_NAMES", 5)
    folder.unlink()
    folder.mkdir()
    (folder / "many.json").write_text("".join(line(f"m{n}", n) for n in range(10)))
    collect(studio, job, base, "1", ended=True)
    assert set(stored(studio, job.arn)) == {"a", "b", "odd", "m0", "m1"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{",
        '{"MetricName": "m"}',
        '{"MetricName": "", "Value": 1}',
        '{"MetricName": 3, "Value": 1}',
        '{"MetricName": "m", "Value": "1"}',
        '{"MetricName": "m", "Value": true}',
        '{"MetricName": "m", "Value": NaN}',
        '{"MetricName": "m", "Value": 1e999}',
        '{"MetricName": "m", "Value": 1' + "0" * 400 + "}",
        '{"MetricName": "m", "Value": 1' + "0" * 5000 + "}",
        '{"MetricName": "\\ud800", "Value": 1}',
        '{"MetricName": "a\\u0000", "Value": 1}',
        '{"MetricName": "' + "m" * 256 + '", "Value": 1}',
        "[" * 60_000,
    ],
)
def test_lines_that_are_no_metric_are_passed_over(text: str) -> None:
    assert read_line(text.encode()) is None


@given(st.binary(max_size=200))
def test_any_line_is_read_or_passed_over(data: bytes) -> None:
    read_line(data)


@pytest.mark.docker
def test_files_are_read_while_a_job_runs_and_at_its_end(
    docker_studio: RunningStudio, foreign_image: str
) -> None:
    name = unique("files")
    script = r"""
        cd "$SAGEMAKER_METRICS_DIRECTORY"
        echo '{"MetricName": "epoch:loss", "Value": 0.5, "IterationNumber": 1}' > 1-x.json
        last() {
            echo '{"MetricName": "epoch:loss", "Value": 0.25, "IterationNumber": 2}' >> 1-x.json
            printf '{"MetricName": "last", "Value": 7}' > 2-y.json
            exit 0
        }
        trap last TERM
        while :; do sleep 0.1; done
    """
    algorithm = {
        "TrainingImage": foreign_image,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["sh", "-c", 'eval "$SCRIPT"'],
    }
    sagemaker = docker_studio.client("sagemaker")
    sagemaker.create_training_job(
        **request(
            docker_studio,
            foreign_image,
            name,
            AlgorithmSpecification=algorithm,
            Environment={"SCRIPT": script},
        )
    )
    seen: list[Any] = []
    deadline = time.monotonic() + 60
    while not seen and time.monotonic() < deadline:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        assert job["TrainingJobStatus"] == "InProgress"
        seen = job["FinalMetricDataList"]
        time.sleep(0.1)
    assert [(each["MetricName"], each["Value"]) for each in seen] == [("epoch:loss", 0.5)]
    sagemaker.stop_training_job(TrainingJobName=name)
    job = wait(docker_studio, name)
    final = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert final == {"epoch:loss": 0.25, "last": 7}
    mlstudio = docker_studio.client("mlstudio")
    (series, _) = mlstudio.get_metric_series(ResourceArn=job["TrainingJobArn"])["Series"]
    assert (series["Steps"], series["Values"]) == ([1, 2], [0.5, 0.25])
    cloudwatch = docker_studio.client("cloudwatch")
    answer = cloudwatch.get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="epoch:loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=job["TrainingStartTime"] - timedelta(minutes=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=3600,
        Statistics=["Average", "SampleCount"],
    )
    (point,) = answer["Datapoints"]
    assert (point["Average"], point["SampleCount"]) == (0.375, 2)
    for client in (sagemaker, mlstudio, cloudwatch):
        client.close()
