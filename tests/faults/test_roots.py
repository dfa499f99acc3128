"""Several roots on one machine and one engine, and one root used twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlstudio.cli.commands import main
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.studio.client import StudioError
from jupyter_mlstudio.studio.lock import TwinRuns, only_one
from tests import invariants
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import log_lines, request, wait, wait_for


def test_a_copy_of_a_root_is_refused_while_the_other_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(tmp_path / "root", compute="process")
    copy = tmp_path / "copy"
    with only_one(settings.studio_id):
        with pytest.raises(TwinRuns), only_one(settings.studio_id):
            pass
        shutil.copytree(settings.root, copy)
        with pytest.raises(StudioError, match="one of the two roots is a copy"):
            RunningStudio(load_settings(copy)).start()
    with only_one(settings.studio_id):
        pass


def test_a_damaged_database_is_told_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(tmp_path / "root", compute="process")
    settings.database_file.parent.mkdir()
    settings.database_file.write_bytes(b"this is no database\n" * 500)
    before = settings.database_file.read_bytes()
    assert main(["start", "--root", str(settings.root)]) == 1
    said = capsys.readouterr().err
    assert "studio.db is damaged or cannot be read (file is not a database)" in said
    assert "jupyter mlstudio database" in said
    assert "Traceback" not in (settings.run / "studio.log").read_text()
    assert settings.database_file.read_bytes() == before


@pytest.mark.docker
@pytest.mark.soak
def test_two_roots_on_one_engine(make_studio: Callable[[str], RunningStudio]) -> None:
    image = build()
    studios = [make_studio("docker"), make_studio("docker")]
    for studio in studios:
        words = {"lines": "100", "pause": "0.1"}
        studio.client("sagemaker").create_training_job(
            **request(studio, image, "same", HyperParameters=words)
        )
    first, second = studios
    wait_for(first, "same", "Training")
    first.restart()  # which sweeps
    assert wait(first, "same")["TrainingJobStatus"] == "Completed"
    first.stop(containers=True)
    assert wait(second, "same")["TrainingJobStatus"] == "Completed"
    first.start()
    for studio in studios:
        lines = [line for line in log_lines(studio, "same") if line.startswith("line ")]
        assert lines == [f"line {n} loss=0.{n};" for n in range(1, 101)]
        invariants.until_sound(studio.settings)
