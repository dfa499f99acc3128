"""The SageMaker Python SDK v3, unchanged, in its own environment, against a studio on Docker."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from jupyter_mlstudio.studio import kernels
from tests.conftest import RunningStudio
from tests.jobs.jobs import XGBOOST, log_lines
from tests.jobs.test_frameworks import PYTORCH, pytorch_studio

__all__ = ["pytorch_studio"]

pytestmark = [pytest.mark.docker, pytest.mark.sdk]


@pytest.mark.timeout(1200)
def test_model_trainer_trains_and_model_builder_deploys(
    docker_studio: RunningStudio, sdk_python: Path, tmp_path: Path
) -> None:
    studio = docker_studio
    rows = "".join(f"{n % 2},{n},{n % 2 * 3}\n" for n in range(100))
    studio.client("s3").put_object(Bucket=studio.bucket, Key="v3/train.csv", Body=rows.encode())
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    done = subprocess.run(
        [
            sdk_python,
            Path(__file__).parent / "v3_train_deploy.py",
            XGBOOST,
            f"s3://{studio.bucket}/v3/train.csv",
            tmp_path,
        ],
        env={**clean, **kernels.choose(studio.settings, clean)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["job"] == "Completed"
    assert result["endpoint"] == "InService"
    assert result["model"].endswith("/output/model.tar.gz")
    low, high = (float(score) for score in result["answer"].split(","))
    assert low < 0.5
    assert high > 0.5


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
