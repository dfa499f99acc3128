"""The launcher beside AWS's training toolkit: the same jobs, and the differences we want."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .support import Job, wheel, wheel_files
from .toolkit import Outcome, both

REPORT = """
import json, os, sys
with open(os.environ["REPORT"], "w") as file:
    json.dump({"argv": sys.argv, "cwd": os.getcwd(), "files": sorted(os.listdir()),
               "env": {k: v for k, v in os.environ.items() if k.startswith("SM_")}}, file)
"""
ODD = {
    "batch-size": "32",
    "optimizer.lr": "1e-5",
    "UPPER_case": "true",
    "a name": '"two words"',
    "negative": "-1.50",
    "huge": "123456789012345678901234567890",
    "off": "false",
    "empty": '""',
    "unset": "null",
    "nested": '{"b": {"c": [1, 2.0, null]}, "a": "x=y"}',
    "list": '["a", "b c", 3]',
    "text": "not json {",
    "lines": '"one\\ntwo"',
    "unicode": '"Zürich \\u2603"',
    "quoted": '"\\"train\\""',
    "_private": "1",
    "sagemaker_custom_thing": '{"z": 1}',
    "_tuning_objective_metric": "accuracy",
}
BACKEND = """
import zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "ours-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
    return name
"""


def _vendored(code: Path) -> None:
    """Put a wheel beside the script, and requirements that name it."""
    (code / "wheels").mkdir()
    (code / "wheels" / "vendored-1.0-py3-none-any.whl").write_bytes(wheel("vendored"))
    (code / "requirements.txt").write_text("--no-index\n--find-links wheels\nvendored==1.0\n")
    (code / "train.py").write_text(REPORT + "import vendored_module\n")


def _package(code: Path) -> None:
    """Make the code a package, whose build needs nothing from outside."""
    (code / "setup.py").touch()
    (code / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (code / "backend.py").write_text(f"FILES = {wheel_files('ours')!r}\n{BACKEND}")
    (code / "train.py").write_text(REPORT + "import ours_module\n")


def _shell(code: Path) -> None:
    (code / "requirements.txt").write_text("never-installed-for-a-shell-script\n")
    (code / "train.sh").write_text('#!/bin/sh\nprintf \'"%s"\' "$1 $2" >"$REPORT"\n')


def _own_failure(code: Path) -> None:
    (code / "train.py").write_text(
        "import os, sys\n"
        "open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine')\n"
        "sys.exit(1)\n"
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _same(toolkit: Outcome, ours: Outcome) -> None:
    assert ours.report == toolkit.report, ours.done.stderr
    assert (ours.status, ours.files) == (toolkit.status, toolkit.files)


def test_odd_hyperparameters_and_channels(job: Job, tmp_path: Path) -> None:
    (job.base / "code" / "train.py").write_text(REPORT)
    job.configure(
        {**ODD, "sagemaker_program": '"train.py"'}, {"train": None, "my-data.v2": "text/csv"}
    )
    toolkit, ours = both(job, tmp_path / "report", _read)
    for outcome in (toolkit, ours):
        described = outcome.report["env"].pop("SM_TRAINING_ENV")
        outcome.report["described"] = json.loads(described)
    _same(toolkit, ours)
    assert ours.report["argv"][1:3] == ["--UPPER_case", "True"]
    assert "SM_HP_BATCH-SIZE" in ours.report["env"]


@pytest.mark.parametrize(
    ("program", "place"),
    [
        ("train.py", _vendored),
        ("train.py", _package),
        ("train.sh", _shell),
        ("train.py", _own_failure),
    ],
)
def test_code_of_each_kind(
    job: Job, tmp_path: Path, program: str, place: Callable[[Path], None]
) -> None:
    place(job.base / "code")
    job.configure({"sagemaker_program": json.dumps(program), "lr": "1"})
    toolkit, ours = both(job, tmp_path / "report", _read)
    for outcome in (toolkit, ours):
        if isinstance(outcome.report, dict):
            outcome.report.pop("env")
            outcome.report["files"] = sorted({*outcome.report["files"]} - {"build"})
    assert ours.report or place is _own_failure, ours.done.stderr
    _same(toolkit, ours)


@pytest.mark.parametrize("form", ["folder", "archive", "channel"])
def test_code_from_each_place(job: Job, tmp_path: Path, form: str) -> None:
    source = job.channel("code") if form == "channel" else tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "train.py").write_text(REPORT + "import sub.helper\n")
    (source / "sub" / "helper.py").touch()
    location = source
    if form == "archive":
        location = tmp_path / "sourcedir.tar.gz"
        with tarfile.open(location, "w:gz") as tar:
            tar.add(source, ".")
    job.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": str(location)})
    toolkit, ours = both(job, tmp_path / "report", _read)
    assert ours.report["env"]["SM_MODULE_DIR"] == str(location)
    _same(toolkit, ours)


def _failing(code: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "train.py").write_text(textwrap.dedent(code)) and None


def _no_such_requirement(code: Path) -> None:
    (code / "train.py").touch()
    (code / "requirements.txt").write_text("--no-index\nno-such-package==99\n")


def _pyproject(code: Path) -> None:
    _package(code)
    (code / "setup.py").unlink()


def _module(code: Path) -> None:
    (code / "project").mkdir()
    (code / "project" / "__main__.py").write_text(REPORT)


def _hostile_archive(code: Path) -> None:
    with tarfile.open(code.parent.parent / "sourcedir.tar.gz", "w:gz") as tar:
        for name in ("../escaped.py", "train.py"):
            info = tarfile.TarInfo(name)
            tar.addfile(info, io.BytesIO())


DIFFERENCES = {
    "the exit status is the script's": (
        "train.py",
        _failing("import sys; sys.exit(3)"),
        (1, "ExecuteUserScriptError:\nExitCode 3\n"),
        (3, "ExecuteUserScriptError:\nExitCode 3\n"),
    ),
    "a script that was killed has a status of its own": (
        "train.py",
        _failing("import os; os.kill(os.getpid(), 15)"),
        (1, "ExecuteUserScriptError:\nExitCode -15\n"),
        (143, "ExecuteUserScriptError:\nExitCode 143\n"),
    ),
    "the failure has the script's error": (
        "train.py",
        _failing("raise ValueError('boom')"),
        (1, 'ExecuteUserScriptError:\nExitCode 1\nErrorMessage ""\nCommand'),
        (1, 'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: boom"\nTraceback'),
    ),
    "the failure has pip's error": (
        "train.py",
        _no_such_requirement,
        (1, 'InstallRequirementsError:\nExitCode 1\nErrorMessage ""\nCommand'),
        (1, 'InstallRequirementsError:\nExitCode 1\nErrorMessage "ERROR: No matching'),
    ),
    "a program that is not there is named, with what is": (
        "gone.py",
        _failing(""),
        (1, "ExecuteUserScriptError:\nExitCode 2\n"),
        (1, "There is no 'gone.py' in the code folder, which has: train.py."),
    ),
    "a module can be the program": (
        "project",
        _module,
        (1, "ExecuteUserScriptError:\nExitCode 126\n"),
        (0, None),
    ),
    "a pyproject.toml is enough for a package": (
        "ours_module",
        _pyproject,
        (2, "Framework Error"),
        (0, None),
    ),
    "an archive that leads out of its folder is refused": (
        "train.py",
        _hostile_archive,
        (0, None),
        (1, "The code archive holds '../escaped.py', which leads out of it."),
    ),
}


@pytest.mark.parametrize("difference", list(DIFFERENCES))
def test_what_we_do_otherwise_on_purpose(job: Job, tmp_path: Path, difference: str) -> None:
    program, place, theirs, expected = DIFFERENCES[difference]
    place(job.base / "code")
    hyperparameters = {"sagemaker_program": json.dumps(program)}
    if place is _hostile_archive:
        hyperparameters["sagemaker_submit_directory"] = str(tmp_path / "sourcedir.tar.gz")
    job.configure(hyperparameters)
    for outcome, (status, failure) in zip(
        both(job, tmp_path / "report"), (theirs, expected), strict=True
    ):
        assert outcome.status == status, outcome.done.stderr
        assert outcome.files.get("failure", "").startswith(failure or "")
        assert ("failure" in outcome.files) is (failure is not None)
