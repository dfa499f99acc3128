"""AWS's training toolkit in an environment of its own, made once: the oracle of script mode."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.sdk.conftest import environment

from .support import Job


@cache
def toolkit_python() -> str:
    """Return the Python that has the toolkit."""
    return str(environment("toolkit") / "python")


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its process, the files of /opt/ml/output, what the script reported."""

    done: subprocess.CompletedProcess[str]
    files: dict[str, str]
    report: Any

    @property
    def status(self) -> int:
        """The exit status."""
        return self.done.returncode


def both(
    job: Job, report: Path, read: Callable[[Path], Any] = Path.read_text, **variables: str
) -> tuple[Outcome, Outcome]:
    """Run the job under the toolkit and under ours, each from the same start.

    What either installs goes into a folder of its own. The script finds in ``REPORT`` where it
    may write what ``read`` reads.
    """
    code, output = job.base / "code", job.base / "output"
    saved = job.base / "saved"
    shutil.copytree(code, saved)
    outcomes = []
    for run in (_toolkit, _ours):
        for folder in (code, output):
            shutil.rmtree(folder)
        shutil.copytree(saved, code)
        (output / "data").mkdir(parents=True)
        report.unlink(missing_ok=True)
        done = run(job, {"AWS_REGION": "us-east-1", "REPORT": str(report), **variables})
        files = {path.name: path.read_text() for path in output.iterdir() if path.is_file()}
        outcomes.append(Outcome(done, files, read(report) if report.exists() else None))
    toolkit, ours = outcomes
    return toolkit, ours


def _toolkit(job: Job, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment_ = job.environment(AWS_DEFAULT_REGION="us-east-1", **variables)
    packages = str(job.base.parent / "toolkit-packages")
    environment_ |= {"PYTHONPATH": packages, "PIP_TARGET": packages}
    train = str(environment("toolkit") / "train")
    return subprocess.run([train], env=environment_, capture_output=True, text=True, check=False)


def _ours(job: Job, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return job.train(MLSTUDIO_SHARED_PYTHON="1", **variables)
