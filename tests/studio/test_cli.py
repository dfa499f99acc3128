"""The command line in real processes and real shells."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlstudio.cli import commands, doctor, shells
from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.images import build
from jupyter_mlstudio.studio import client
from tests.conftest import RunningStudio
from tests.machine import lacks

CLI = Path(sys.executable).parent / "jupyter"

IDENTITIES = """
import boto3
session = boto3.Session()
print(session.client("sts").get_caller_identity()["Arn"])
hardwired = "https://sts.eu-west-1.amazonaws.com"
print(session.client("sts", region_name="eu-west-1", endpoint_url=hardwired)
      .get_caller_identity()["Arn"])
print(boto3.Session(profile_name="prod").client("sts", region_name="eu-west-1",
      endpoint_url=hardwired).meta.endpoint_url)
print([bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]])
print(session.client("mlstudio").get_studio_status()["StudioId"])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CLI), "mlstudio", *arguments], capture_output=True, text=True, check=False
    )


def test_file_systems_are_folders_that_are_there(tmp_path: Path) -> None:
    def given(*values: str) -> list[tuple[str, str]]:
        options = commands._parser().parse_args(["start", "--file-systems", *values])
        found: list[tuple[str, str]] = options.file_systems
        return found

    assert given(f"fs-01234567={tmp_path}") == [("fs-01234567", str(tmp_path))]
    assert given() == []
    for wrong in ("x=/", "fs-01234567", "fs-01234567=relative", f"fs-01234567={tmp_path}/none"):
        with pytest.raises(SystemExit):
            given(wrong)
    options = {"file_systems": {"fs-01234567": str(tmp_path)}}
    assert load_settings(tmp_path / "root", **options).file_systems == options["file_systems"]
    assert load_settings(tmp_path / "root").file_systems == options["file_systems"]
    assert load_settings(tmp_path / "root", file_systems={}).file_systems == {}


def test_start_status_and_stop(settings: Settings) -> None:
    root = str(settings.root)
    assert run("status", "--root", root).returncode == commands.NOT_RUNNING
    started = run("--root", root, "start")
    assert started.returncode == 0, started.stderr
    info = client.find(settings)
    assert info is not None
    assert f"process {info.pid}" in started.stdout
    assert "was running already" in run("start", "--root", root).stdout
    status = json.loads(run("status", "--json", "--root", root).stdout)
    assert status["url"] == info.url
    assert info.s3_url in run("status", "--root", root).stdout
    refused = run("start", "--root", root, "--region", "eu-west-1")
    assert (refused.returncode, "mlstudio stop" in refused.stderr) == (1, True)
    assert load_settings(settings.root) == settings
    assert "have ended" in run("stop", "--root", root).stdout
    assert "No studio runs" in run("stop", "--root", root).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "sh"])
def test_the_environment_of_a_shell(settings: Settings, home: Path, shell: str) -> None:
    """The root has a space and a quote; the shell has keys of its own, which must not win."""
    if shutil.which(shell) is None:
        lacks(f"there is no {shell}")
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[profile prod]\nregion = eu-west-1\n")
    script = 'eval "$("$1" mlstudio env --root "$2" --shell "$3")" && exec "$4" -c "$5"'.replace(
        "$3", shell
    )
    done = subprocess.run(
        [shell, "-c", script, "-", str(CLI), str(settings.root), "", sys.executable, IDENTITIES],
        env={**os.environ, "AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        settings.kernel_arn,
        settings.kernel_arn,
        "https://sts.eu-west-1.amazonaws.com",
        str([settings.default_bucket]),
        settings.studio_id,
    ], done.stderr


def test_the_environment_as_json(process_studio: RunningStudio, home: Path) -> None:
    root = str(process_studio.settings.root)
    done = run("env", "--root", root, "--json")
    variables = json.loads(done.stdout)
    assert variables["AWS_PROFILE"] == "mlstudio"
    assert variables["AWS_CONFIG_FILE"].startswith(root)


def test_quoting_in_other_shells() -> None:
    variables = {"A": "it's \\ here", "B": None}
    assert shells.commands("fish", variables) == "set -gx A 'it\\'s \\\\ here'\nset -e B\n"
    assert shells.commands("powershell", variables) == (
        "$env:A = 'it''s \\ here'\nRemove-Item Env:B -ErrorAction SilentlyContinue\n"
    )


@pytest.mark.parametrize(
    ("typed", "meant"), [("stauts", "'status'"), ("strat", "'start'"), ("docter", "'doctor'")]
)
def test_a_typo_suggests_the_command(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        commands.main([typed])
    assert exit_.value.code == 2
    assert meant in capsys.readouterr().err


def test_help_tells_of_the_root(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        commands.main(["--help"])
    assert exit_.value.code == 0
    assert "--root DIR" in capsys.readouterr().out


def test_an_error_of_the_system_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert commands.main(["start", "--root", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "file") in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("names", "built"),
    [
        ([], ["pytorch", "sklearn", "tensorflow", "xgboost"]),
        (["all"], ["pytorch", "sklearn", "tensorflow", "xgboost"]),
        (["sklearn", "xgboost"], ["sklearn", "xgboost"]),
    ],
)
def test_images_are_built_by_name_or_all(
    names: list[str], built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(build, "build", lambda name, **options: seen.append((name, options["gpu"])))
    assert commands.main(["images", "build", *names]) == 0
    assert commands.main(["images", "build", "--gpu", *names]) == 0
    assert seen == [(name, False) for name in built] + [(name, True) for name in built]


def test_doctor_finds_that_processes_work(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.run(settings.root) == 0
    out = capsys.readouterr().out
    assert "[note] Compute" in out
    assert "jupyter mlstudio start" in out
    assert doctor.run(settings.root, as_json=True) == 0
    names = {check["name"] for check in json.loads(capsys.readouterr().out)}
    assert {"Python", "Root", "Disk", "File system", "Studio", "Compute", "Lifetime"} <= names


def test_doctor_fails_where_docker_is_wanted_and_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{settings.root}/no.sock")
    load_settings(settings.root, compute="docker")
    assert doctor.run(settings.root) == 1
    out = capsys.readouterr().out
    assert "[FAIL] Compute" in out
    assert "--compute process" in out


@pytest.mark.docker
def test_doctor_describes_docker(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    load_settings(settings.root, compute="docker")
    assert doctor.run(settings.root) == 0
    assert "[ok]   Compute              Docker " in capsys.readouterr().out
