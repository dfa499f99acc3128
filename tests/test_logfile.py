"""Logs that stay small, in real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TALK = """
import logging, pathlib, sys
from jupyter_mlstudio import _logfile
_logfile.LOG_BYTES = 10_000
_logfile.log_to(pathlib.Path(sys.argv[1]))
for number in range(1000):
    logging.info("line %d", number)
raise RuntimeError("the last words")
"""


def test_a_log_stays_small_and_holds_the_crash(tmp_path: Path) -> None:
    path = tmp_path / "s3.log"
    with path.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-c", TALK, str(path)], stdout=output, stderr=output, check=False
        )
    assert done.returncode == 1
    assert path.read_text().splitlines()[-1] == "RuntimeError: the last words"
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["s3.log", "s3.log.1"]
    assert all(file.stat().st_size < 11_000 for file in files)


def test_output_that_goes_elsewhere_stays_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TALK, str(tmp_path / "s3.log")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the last words" in done.stderr
    assert "the last words" not in (tmp_path / "s3.log").read_text()
