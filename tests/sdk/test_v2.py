"""The SageMaker Python SDK v2, unchanged, in its own environment, against a studio on Docker."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from jupyter_mlstudio.studio import kernels
from tests.conftest import RunningStudio
from tests.jobs.images import build
from tests.jobs.jobs import run, unique

from .conftest import environment

pytestmark = [pytest.mark.docker, pytest.mark.sdk]


@pytest.mark.timeout(1200)
def test_analytics_give_a_frame_of_what_a_job_printed(
    docker_studio: RunningStudio, tmp_path: Path
) -> None:
    studio, name, image = docker_studio, unique("analytics"), build()
    algorithm = {
        "TrainingImage": image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": "loss", "Regex": "loss=([0-9.]+);"},
            {"Name": "line", "Regex": "line ([0-9]+) "},
        ],
    }
    job = run(studio, image, name, AlgorithmSpecification=algorithm, HyperParameters={"lines": "3"})
    assert job["TrainingJobStatus"] == "Completed"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    program = Path(__file__).parent / "v2_analytics.py"
    result = tmp_path / "result.json"
    done = subprocess.run(
        [environment("v2") / "python", program, name, result],
        env={**clean, **kernels.choose(studio.settings, clean)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    frame = json.loads(result.read_text())
    assert frame["columns"] == ["timestamp", "metric_name", "value"]
    means = dict(frame["rows"])
    # A minute is one row, unless the job ran over its end.
    assert means.keys() == {"loss", "line"}
    assert 0.1 <= means["loss"] <= 0.3
    assert 1 <= means["line"] <= 3
