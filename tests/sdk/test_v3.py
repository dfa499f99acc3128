"""The SageMaker Python SDK v3, unchanged, in its own environment, against a studio on Docker."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_mlstudio.studio import kernels
from tests.conftest import RunningStudio
from tests.jobs.jobs import log_lines
from tests.jobs.test_frameworks import PYTORCH, pytorch_studio

from .conftest import Flows, flows_of

__all__ = ["pytorch_studio"]

pytestmark = [pytest.mark.docker, pytest.mark.sdk]


MODULES = ("v3_hosting", "v3_remote", "v3_jobs", "v3_errors")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("flow", flows_of(*MODULES))
def test_flow(flows: Flows, flow: str) -> None:
    problem = flows.run("v3", *MODULES)[flow]
    assert problem is None, f"\n{problem}"


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_model_trainer_runs_a_script_by_torchrun(
    pytorch_studio: RunningStudio, sdk_python: Path, tmp_path: Path
) -> None:
    studio = pytorch_studio
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    script = Path(__file__).parent / "v3_torchrun.py"
    done = subprocess.run(
        [sdk_python, script, PYTORCH.format("training"), tmp_path],
        env={**clean, **kernels.choose(studio.settings, clean)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    lines = log_lines(studio, done.stdout.splitlines()[-1])
    said = sorted(line for line in lines if line.startswith(("rank ", "arguments ")))
    arguments = ["arguments ['--first', '10']"] * 2
    assert said == [*arguments, "rank 0 of 2 has 21", "rank 1 of 2 has 21"]
