"""URIs of the SageMaker SDK, and how an image of ours runs as a process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path

import boto3
import pytest

from jupyter_mlstudio.images import catalogue
from jupyter_mlstudio.images.build import _Recipe, image_for, list_images, process_command, version
from tests.sdk.conftest import environment

OURS = "mlstudio/xgboost:latest"
FRAMEWORKS = {
    name: f"mlstudio/{name}:latest" for name in ("pytorch", "sklearn", "tensorflow", "xgboost")
}


@pytest.mark.parametrize(
    "uri",
    [
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.2-1-cpu-py3",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest",
        "451049120500.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:1.7-1",
        "sagemaker-xgboost",
        OURS,
    ],
)
def test_xgboost_of_any_region_is_ours(uri: str) -> None:
    assert image_for(uri) == OURS


@pytest.mark.sdk
@pytest.mark.parametrize("framework", list(FRAMEWORKS))
def test_every_uri_the_sdk_knows_is_ours(framework: str) -> None:
    """Its tables have each framework's repositories, and the account of each region."""
    [table] = environment("v3").parent.glob(
        f"lib/*/site-packages/sagemaker/core/image_uri_config/{framework}.json"
    )
    partitions = boto3.session.Session()._session.get_data("partitions")["partitions"]
    seen = 0
    for scope, content in json.loads(table.read_text()).items():
        versions = {} if scope == "eia" else content.get("versions", {})
        for number, details in versions.items():
            for region, account in details.get("registries", {}).items():
                suffix = next(
                    p["outputs"]["dnsSuffix"]
                    for p in partitions
                    if region in p["regions"] or re.match(p["regionRegex"], region)
                )
                host = f"{account}.dkr.ecr.{region}.{suffix}"
                uri = f"{host}/{details['repository']}:{number}-cpu-py3"
                assert image_for(uri) == FRAMEWORKS[framework], uri
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "uri",
    [
        "python:3.11-slim",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-xgboost:1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com.evil.example/sagemaker-xgboost:1",
        "registry.example/sagemaker-xgboost:1.7-1",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.1.0",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference-eia:1.5.1-cpu-py3",
        "",
    ],
)
def test_other_images_are_left_alone(uri: str) -> None:
    assert image_for(uri) is None
    assert process_command(uri, ["train"]) is None


def test_a_table_in_the_root_comes_first(tmp_path: Path) -> None:
    table = tmp_path / "images.json"
    uri = "registry.example/team/xgb:7"
    assert image_for(uri, table) is None
    table.write_text(json.dumps({"images": [{"uri": r".*/team/xgb:.*", "image": OURS}]}))
    assert image_for(uri, table) == OURS


def test_train_runs_as_a_process() -> None:
    command = process_command(OURS, ["train"])
    assert command is not None
    argv, environment = command
    assert argv == [sys.executable, "-m", "mlstudio_runtime", "train"]
    done = subprocess.run(
        [*argv[:-1], "neither"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_what_process_compute_lacks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalogue.lacking("sklearn") is None
    venv.create(tmp_path / "bare")
    python = str(tmp_path / "bare" / "bin" / "python")
    monkeypatch.setattr(sys, "executable", python)
    problem = catalogue.lacking("sklearn")
    assert problem is not None
    assert f"needs 'sklearn', which {python} does not have" in problem
    assert f"`{python} -m pip install scikit-learn`" in problem


def test_other_commands_run_with_our_python_first() -> None:
    command = process_command(OURS, ["/bin/bash", "-c", "command -v python3"])
    assert command is not None
    argv, environment = command
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parent == Path(sys.executable).parent


def test_images_are_listed_with_their_versions() -> None:
    assert catalogue.names() == list(FRAMEWORKS)
    assert version("xgboost") == "3.2.0"
    assert version("sklearn") == "1.9.1"
    assert version("pytorch") == "2.13.0"
    assert version("tensorflow") == "2.21.0"
    assert [image.name for image in list_images()] == catalogue.names()


def test_a_build_with_cuda_is_another_image() -> None:
    base = "python:3.11-slim"
    for name in ("pytorch", "xgboost"):
        cpu, gpu = _Recipe(name, gpu=False), _Recipe(name, gpu=True)
        assert gpu.digest(base) != cpu.digest(base)
        assert f"=={version(name)}\n" in gpu.framework.read_text()
        assert "cpu" in cpu.framework.read_text()
        assert "cpu" not in gpu.framework.read_text()
    assert not _Recipe("sklearn", gpu=True).gpu


def test_the_runtime_imports_nothing_of_the_studio() -> None:
    sources = list(catalogue.RUNTIME.rglob("*.py"))
    assert len(sources) > 10
    assert not [path for path in sources if "jupyter_mlstudio" in path.read_text()]
