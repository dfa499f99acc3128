"""The checker finds a sound studio sound, and what is wrong wrong."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mlstudio.core.settings import Settings
from tests import invariants
from tests.conftest import RunningStudio
from tests.jobs import jobs

SCRIPT = """
import os
for n in range(3):
    print(f"loss={n};")
open(os.environ["SM_MODEL_DIR"] + "/w", "w").write("weights")
"""


@pytest.fixture(scope="module")
def ended(make_studio: Callable[..., RunningStudio]) -> Settings:
    """Give a studio that ran a job, and has ended."""
    studio = make_studio("process", database="sqlite")
    jobs.put(studio, {"source.tar.gz": jobs.script_archive(SCRIPT)})
    program = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"s3://{studio.bucket}/source.tar.gz",
    }
    request = jobs.request(studio, jobs.XGBOOST, "sound", HyperParameters=program)
    definitions = [{"Name": "loss", "Regex": "loss=([0-9]+);"}]
    request["AlgorithmSpecification"]["MetricDefinitions"] = definitions
    studio.client("sagemaker").create_training_job(**request)
    job = jobs.wait(studio, "sound")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    invariants.until_sound(studio.settings, 10)
    studio.stop()
    invariants.check(studio.settings)
    return studio.settings


@pytest.fixture
def settings(ended: Settings, tmp_path: Path) -> Settings:
    """Give a copy of that studio, to be broken."""
    root = tmp_path / "root"
    shutil.copytree(ended.root, root)
    return replace(ended, root=root)


def _sql(settings: Settings, *statements: str) -> None:
    with closing(sqlite3.connect(settings.database_file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _log(settings: Settings) -> Path:
    (path,) = settings.root.glob("logs/*/*/*/sound/*")
    return path


def _double_a_line(settings: Settings) -> None:
    path = _log(settings)
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(first + path.read_bytes())


def _cut_a_line(settings: Settings) -> None:
    path = _log(settings)
    path.write_bytes(path.read_bytes()[:-1])


def _cut_the_model(settings: Settings) -> None:
    bodies = sorted(settings.objects.glob("data/*/*"), key=lambda path: path.stat().st_size)
    for body in bodies:
        if body.read_bytes()[:2] == b"\x1f\x8b":
            body.write_bytes(body.read_bytes()[:-9])


def _show_a_secret(settings: Settings) -> None:
    with (settings.run / "studio.log").open("ab") as log:
        log.write(settings.master_key.read_bytes())


def _leave(path: str) -> Callable[[Settings], None]:
    def leave(settings: Settings) -> None:
        place = settings.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")

    return leave


def _execute(*statements: str) -> Callable[[Settings], None]:
    return lambda settings: _sql(settings, *statements)


def _leave_a_container(settings: Settings) -> None:
    place = settings.run / "containers" / f"mls-{settings.studio_id}-{'0' * 16}-1"
    place.mkdir(parents=True)
    (place / "state.json").write_text(json.dumps({"pid": 1}))


BROKEN: dict[str, tuple[Callable[[Settings], None], str]] = {
    "line-twice": (_double_a_line, "is there twice"),
    "line-cut": (_cut_a_line, "is not whole"),
    "model-cut": (_cut_the_model, "model of sound is not whole"),
    "body-missing": (lambda s: shutil.rmtree(s.objects / "data"), "is missing"),
    "secret": (_show_a_secret, "shows a secret"),
    "half-an-object": (_leave("objects/incoming/x"), "half written"),
    "draft": (_leave("gateway/.routes.json.1.abcdef01"), "does not belong into the root"),
    "job-folder": (_leave(f"jobs/{'0' * 16}/x"), "is left of what has ended"),
    "session": (_leave(f"secrets/sessions/{'0' * 16}"), "is left of what has ended"),
    "container": (_leave_a_container, "nothing has this uid"),
    "two-ends": (
        _execute("UPDATE transitions SET status = 'Failed' WHERE status = 'Uploading'"),
        "goes from Failed to Completed",
    ),
    "left-an-end": (
        _execute("UPDATE resources SET status = 'InProgress' WHERE name = 'sound'"),
        "is InProgress, and its history ends with Completed",
    ),
    "skipped": (
        _execute("DELETE FROM transitions WHERE status = 'Training'"),
        "goes from Downloading to Uploading",
    ),
    "backwards": (
        _execute("UPDATE transitions SET started = started + 99 WHERE status = 'Training'"),
        "(running) lasts from",
    ),
    "metric-twice": (
        _execute("INSERT INTO metric_points SELECT series, 99, step, time, value FROM metric_points"
                 " WHERE number = 1"),
        "1 too many",
    ),
    "metric-missing": (_execute("DELETE FROM metric_points WHERE number = 2"), "1 missing"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_found(settings: Settings, what: str) -> None:
    break_it, expected = BROKEN[what]
    break_it(settings)
    assert any(expected in problem for problem in invariants.problems(settings))
