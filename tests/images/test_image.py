"""The image itself: built, trained with and served from, as SageMaker would run it."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import numpy as np
import pytest
import xgboost as xgb

from jupyter_mlstudio.images.build import BuildError, build, list_images

from .support import Job

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

LATEST = "mlstudio/xgboost:latest"
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient) -> Any:
    """Build the image, which is quick where it is here already."""
    return engine.images.get(build("xgboost"))


@pytest.fixture
def run(engine: docker.DockerClient, image: Any, job: Job) -> Iterator[Run]:
    """Yield a function that starts a container on the job's folder."""
    started = []

    def start(command: list[str], **options: Any) -> Any:
        volumes = {str(job.base): {"bind": "/opt/ml", "mode": "rw"}}
        container = engine.containers.run(
            image.id, command, detach=True, **{"volumes": volumes, **options}
        )
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove(force=True, v=True)


def _ended(container: Any) -> tuple[int, str]:
    status = container.wait(timeout=300)["StatusCode"]
    return status, container.logs().decode()


def test_building_again_builds_nothing(image: Any) -> None:
    lines: list[str] = []
    begin = time.monotonic()
    tag = build("xgboost", progress=lines.append)
    assert time.monotonic() - begin < 20
    assert lines == [f"{tag} is ready"]
    assert {tag, LATEST} <= set(image.tags)
    [listed] = [image for image in list_images() if image.name == "xgboost"]
    assert listed.tag == tag
    assert listed.size == image.attrs["Size"]


def test_the_image_says_what_sagemaker_asks(image: Any) -> None:
    config = image.attrs["Config"]
    assert config["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    assert environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert environment["SM_INPUT_TRAINING_CONFIG_FILE"].endswith("/hyperparameters.json")
    assert environment["SM_INPUT_DATA_CONFIG_FILE"].endswith("/inputdataconfig.json")
    assert environment["SM_CHECKPOINT_CONFIG_FILE"].endswith("/checkpointconfig.json")
    assert not config.get("Entrypoint")


def test_images_share_what_they_have_in_common(engine: docker.DockerClient, image: Any) -> None:
    common = engine.images.get(build("sklearn")).attrs
    layers, others = image.attrs["RootFS"]["Layers"], common["RootFS"]["Layers"]
    shared = [layer for layer, other in zip(layers, others, strict=False) if layer == other]
    assert len(shared) >= len(layers) - 3  # the framework, the runtime, its bytecode
    assert abs(image.attrs["Size"] - common["Size"]) < 50e6
    assert "MLSTUDIO_FRAMEWORK=sklearn" in common["Config"]["Env"]


def test_a_base_that_is_not_there_is_told() -> None:
    with pytest.raises(BuildError, match=r"no-such-base\.invalid"):
        build("xgboost", base="no-such-base.invalid/x:1")
    with pytest.raises(BuildError, match="There is no image 'tree'"):
        build("tree")


def test_train_then_serve(
    run: Run, job: Job, engine: docker.DockerClient, cancer: tuple[np.ndarray, np.ndarray]
) -> None:
    features, labels = cancer
    rows = np.column_stack([labels, features])
    np.savetxt(job.channel("train") / "train.csv", rows, delimiter=",", fmt="%.9g")
    job.configure(
        {"num_round": "5", "objective": "binary:logistic", "eval_metric": "auc"},
        {"train": "text/csv"},
    )
    status, log = _ended(run(["train"]))
    assert status == 0, log
    assert "[4]#011train-auc:0.99" in log
    assert (job.base / "output" / "success").exists()

    model = {str(job.base / "model"): {"bind": "/opt/ml/model", "mode": "ro"}}
    for path in (job.base / "model").iterdir():
        path.chmod(0o644)
    container = run(
        ["serve"],
        volumes=model,
        environment={"SAGEMAKER_BIND_TO_PORT": "9000"},
        user="10001:10001",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    container.reload()
    address = container.attrs["NetworkSettings"]["IPAddress"]
    connection = http.client.HTTPConnection(address, 9000, timeout=30)
    _wait_for_ping(connection, container)
    body = ",".join(map(str, features[0].tolist()))
    connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
    prediction = float(connection.getresponse().read())
    matrix = xgb.DMatrix(features, label=labels)
    expected = xgb.train({"objective": "binary:logistic"}, matrix, 5).predict(matrix)[0]
    assert prediction == pytest.approx(float(expected), abs=1e-5)
    connection.close()
    begin = time.monotonic()
    container.stop(timeout=30)
    assert time.monotonic() - begin < 15
    assert container.wait()["StatusCode"] == 0


def _wait_for_ping(connection: http.client.HTTPConnection, container: Any) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.request("GET", "/ping")
            response = connection.getresponse()
            response.read()
        except ConnectionError:
            connection.close()
            time.sleep(0.1)
        else:
            assert response.status == 200
            return
    raise AssertionError(container.logs().decode())


def test_script_mode(run: Run, job: Job) -> None:
    (job.base / "code" / "train.py").write_text(
        "import boto3, pandas, pyarrow, scipy.stats, sklearn.ensemble, xgboost, sys, os\n"
        "print(sys.argv[1:], os.environ['SM_CHANNEL_TRAIN'])\n"
    )
    job.channel("train")
    job.configure({"sagemaker_program": '"train.py"', "lr": "0.1"}, {"train": None})
    status, log = _ended(run(["train"]))
    assert status == 0, log
    assert "['--lr', '0.1'] /opt/ml/input/data/train" in log


def test_a_shell_entry_point_finds_bash_python_and_pip(run: Run, job: Job) -> None:
    script = job.channel("sm_drivers") / "sm_train.sh"
    script.write_text(
        "#!/bin/bash\nset -e\nSM_PYTHON_CMD=$(command -v python3)\ncommand -v pip3\n"
        '$SM_PYTHON_CMD -c "import xgboost; print(xgboost.__version__)"\n'
        "pip3 check\npip3 install --no-index numpy\n"
        "echo $SM_MODEL_DIR > /opt/ml/input/sm_training.env\n"
    )
    path = "/opt/ml/input/data/sm_drivers/sm_train.sh"
    container = run(["-c", f"chmod +x {path} && {path}"], entrypoint=["/bin/bash"])
    status, log = _ended(container)
    assert status == 0, log
    assert "3.2.0" in log
    assert "No broken requirements" in log
    assert (job.base / "input" / "sm_training.env").read_text() == "/opt/ml/model\n"


def test_bad_hyperparameters_fail_the_container(run: Run, job: Job) -> None:
    job.configure({"num_round": "-1"}, {"train": "text/csv"})
    status, log = _ended(run(["train"]))
    assert status == 1, log
    assert job.failure == "Hyperparameter 'num_round': -1 is not in [1, inf)."
    assert json.loads((job.base / "input" / "config" / "hyperparameters.json").read_text())


def test_the_runtime_in_the_image_is_ours(run: Run) -> None:
    container = run(["python3", "-c", "import mlstudio_runtime; print(mlstudio_runtime.__file__)"])
    status, log = _ended(container)
    assert (status, Path(log.strip()).parts[:3]) == (0, ("/", "opt", "mlstudio"))


@pytest.mark.docker
def test_an_image_built_on_ours_is_not_taken_for_it(docker_api: docker.APIClient) -> None:
    ours = next(image.tag for image in list_images() if image.name == "xgboost")
    recipe = io.BytesIO(f"FROM {ours}\nLABEL theirs=1\n".encode())
    for step in docker_api.build(fileobj=recipe, tag="mlstudio-test/on-ours:1", decode=True):
        assert "error" not in step, step
    try:
        assert next(i.tag for i in list_images() if i.name == "xgboost") == ours
    finally:
        docker_api.remove_image("mlstudio-test/on-ours:1")
