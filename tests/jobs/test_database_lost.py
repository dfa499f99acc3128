"""The PostgreSQL server is killed while jobs run: the studio recovers, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jupyter_mlstudio.cli import commands, doctor
from jupyter_mlstudio.studio import client as studio_client
from tests.conftest import RunningStudio
from tests.postgres import Postgres

from .jobs import XGBOOST, log_lines, put, request, script_archive, unique, wait, wait_for

LINES = 60
SCRIPT = f"""
import time
for number in range(1, {LINES} + 1):
    print(f"line {{number}} loss=0.{{number}};", flush=True)
    time.sleep(0.1)
"""


class Creating:
    """Makes model package groups one after another, and notes which were acknowledged."""

    def __init__(self, studio: RunningStudio) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[tuple[str, float]] = []
        self._client = studio.client("sagemaker", config=Config(retries={"max_attempts": 0}))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Creating:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            name, started = unique("group"), time.monotonic()
            try:
                self._client.create_model_package_group(ModelPackageGroupName=name)
                self.acknowledged.append(name)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                assert status == 503, error
                self.refused.append((error.response["Error"]["Code"], time.monotonic() - started))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="module")
def studio(
    postgres: Postgres, make_studio: Callable[..., RunningStudio]
) -> Iterator[RunningStudio]:
    made = make_studio("process", database=postgres.schema())
    yield made
    made.stop(containers=True)


def start_job(studio: RunningStudio) -> str:
    name = unique("lost")
    put(studio, {f"{name}/source.tar.gz": script_archive(SCRIPT)})
    job = request(
        studio,
        XGBOOST,
        name,
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{studio.bucket}/{name}/source.tar.gz"',
        },
    )
    job["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "loss", "Regex": r"loss=(\S+);"},
    ]
    studio.client("sagemaker").create_training_job(**job)
    return name


def test_jobs_go_on_while_the_server_is_killed_and_comes_back(
    studio: RunningStudio, postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(studio.settings.root)
    before = studio_client.find(studio.settings)
    with Creating(studio) as creating:
        names = [start_job(studio) for _ in range(2)]
        wait_for(studio, names[0], "Training")
        for _ in range(2):
            time.sleep(1)
            postgres.kill()
            time.sleep(1.5)
            assert commands.main(["status", "--root", root]) == 0
            assert "(away: " in capsys.readouterr().out
            postgres.start()
            back, count = time.monotonic(), len(creating.acknowledged)
            while len(creating.acknowledged) == count:
                assert time.monotonic() - back < 30
                time.sleep(0.05)
        jobs = [wait(studio, name) for name in names]
    assert [(job["TrainingJobStatus"], job.get("FailureReason")) for job in jobs] == [
        ("Completed", None)
    ] * 2
    assert studio_client.find(studio.settings) == before
    for job in jobs:
        steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
        assert steps[0] == "Starting"
        assert steps[-3:] == ["Training", "Uploading", "Completed"]
        name = job["TrainingJobName"]
        lines = [line for line in log_lines(studio, name) if line.startswith("line ")]
        assert lines == [f"line {n} loss=0.{n};" for n in range(1, LINES + 1)]
        (series,) = studio.client("mlstudio").get_metric_series(
            ResourceArn=job["TrainingJobArn"], MetricNames=["loss"]
        )["Series"]
        assert series["Values"] == [float(f"0.{n}") for n in range(1, LINES + 1)]
    groups = studio.client("sagemaker").get_paginator("list_model_package_groups").paginate()
    summaries = [group for page in groups for group in page["ModelPackageGroupSummaryList"]]
    kept = {group["ModelPackageGroupName"] for group in summaries}
    assert set(creating.acknowledged) <= kept
    assert creating.refused
    assert {code for code, _ in creating.refused} == {"ServiceUnavailable"}
    assert sorted(seconds for _, seconds in creating.refused)[len(creating.refused) // 2] < 1
    log = (studio.settings.run / "studio.log").read_text()
    assert "The database was lost and can be used again" in log
    assert "Traceback" not in log


def test_what_is_said_of_the_database(
    studio: RunningStudio, postgres: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(studio.settings.root)
    commands.main(["status", "--root", root])
    assert f"PostgreSQL at {postgres.folder}, database postgres" in capsys.readouterr().out
    doctor.run(studio.settings.root)
    assert f"PostgreSQL at {postgres.folder}, database postgres (18." in capsys.readouterr().out
    assert commands.main(["start", "--root", root, "--database", "sqlite"]) == 1
    assert "--database takes effect after" in capsys.readouterr().err
    studio.stop()
    assert commands.main(["start", "--root", root, "--database", "mysql://a:secret@b/c"]) == 1
    postgres.kill()
    assert doctor.run(studio.settings.root) == 1
    with pytest.raises(studio_client.StudioError, match=r"The studio's database cannot be used: "):
        studio.start()
    said = capsys.readouterr()
    assert "[FAIL] Database" in said.out
    assert "secret" not in said.err + said.out
    postgres.start()
    studio.start()
