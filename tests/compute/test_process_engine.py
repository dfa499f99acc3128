"""What only process compute does: another root, surviving the studio, honest refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from jupyter_mlstudio.compute.process_engine import CAPPED, LOST, ProcessEngine
from jupyter_mlstudio.compute.protocol import (
    EngineError,
    Folder,
    ImageNotFound,
    NetworkMode,
    Overlay,
    Phase,
)
from tests.compute.conftest import ACCESS, Specify
from tests.compute.test_conformance import ended, texts


def test_the_contract_lies_below_the_base(process_engine: ProcessEngine, specify: Specify) -> None:
    spec = specify(
        'echo $SAGEMAKER_BASE_DIR $SM_MODEL_DIR $SM_CHANNELS $USER_PATH "$0"',
        environment={
            "SM_MODEL_DIR": "/opt/ml/model",
            "SM_CHANNELS": "/opt/mlx",
            "USER_PATH": "/opt/ml/model",
        },
    )
    spec = replace(spec, command=[*(spec.command or ()), "/opt/ml/code/train.py"])
    process_engine.start(spec)
    base = spec.base
    below = f"{base}/opt/ml {base}/opt/ml/model /opt/mlx /opt/ml/model {base}/opt/ml/code/train.py"
    assert texts(process_engine, spec.name) == [below]


def test_nothing_of_the_users_own_environment_is_passed_on(
    process_engine: ProcessEngine, specify: Specify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the user")
    monkeypatch.setenv("AWS_PROFILE", "prod")
    spec = specify("env")
    process_engine.start(spec)
    names = {line.partition("=")[0] for line in texts(process_engine, spec.name)}
    assert not any(name.startswith("AWS_") for name in names)
    assert {"PATH", "HOME", "TMPDIR", "SAGEMAKER_BASE_DIR"} <= names


def test_mounts_in_mounts(process_engine: ProcessEngine, specify: Specify, tmp_path: Path) -> None:
    lower, outside = tmp_path / "objects", tmp_path / "elsewhere"
    lower.mkdir()
    outside.mkdir()
    (lower / "a").write_text("1")
    spec = specify(
        "cd $SAGEMAKER_BASE_DIR; cat input/data/train/a input/config/x; echo done > model/m",
        mounts=[
            Overlay(lower, tmp_path / "s", "/opt/ml/input/data/train"),
            Folder(outside, "/opt/ml/model"),
        ],
    )
    config = spec.base / "opt/ml/input/config"
    config.mkdir(parents=True)
    (config / "x").write_text("2\n")
    process_engine.start(
        replace(spec, mounts=[*spec.mounts, Folder(config.parent, "/opt/ml/input")])
    )
    assert texts(process_engine, spec.name) == ["12"]
    assert (outside / "m").read_text() == "done\n"
    assert sorted(path.name for path in lower.iterdir()) == ["a"]


def test_a_mount_in_the_way_is_reported(
    process_engine: ProcessEngine, specify: Specify, tmp_path: Path
) -> None:
    spec = specify("true", mounts=[Folder(tmp_path / "x", "/opt/ml/model")])
    (spec.base / "opt/ml/model").mkdir(parents=True)
    (spec.base / "opt/ml/model/mine").touch()
    (tmp_path / "x").mkdir()
    with pytest.raises(EngineError, match=r"Cannot put a mount at .*/opt/ml/model"):
        process_engine.start(spec)
    assert process_engine.inspect(spec.name) is None


@pytest.mark.parametrize("network", [NetworkMode.NONE, NetworkMode.INTERNAL])
def test_isolation_is_refused_not_pretended(
    process_engine: ProcessEngine, specify: Specify, network: NetworkMode
) -> None:
    with pytest.raises(EngineError, match="needs a container engine"):
        process_engine.start(specify("true", network=network))


def test_other_images_need_docker(process_engine: ProcessEngine, specify: Specify) -> None:
    spec = replace(specify("true"), image="python:3.11")
    with pytest.raises(ImageNotFound, match=r"python:3\.11 needs Docker"):
        process_engine.start(spec)
    assert process_engine.owned() == []


def test_everything_a_container_started_ends_with_it(
    process_engine: ProcessEngine, specify: Specify
) -> None:
    spec = specify("setsid sleep 300 & (setsid sleep 300 &) ; sleep 0.5; echo $!")
    process_engine.start(spec)
    texts(process_engine, spec.name)
    ended(process_engine, spec.name)
    assert marked(spec.name) == []


def marked(name: str) -> list[int]:
    """Return the live processes of a container."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLSTUDIO_CONTAINER") == name:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_the_death_of_the_supervisor_is_noticed(
    process_engine: ProcessEngine, specify: Specify
) -> None:
    spec = specify("echo up; (setsid sleep 300 &); sleep 300")
    process_engine.start(spec)
    next(process_engine.logs(spec.name))
    state = json.loads((process_engine._folder / spec.name / "state.json").read_text())
    os.kill(state["pid"], signal.SIGKILL)
    found = ended(process_engine, spec.name)
    assert (found.exit_code, found.error) == (137, LOST)
    assert ended(process_engine, spec.name) == found
    time.sleep(0.1)
    assert marked(spec.name) == []


def test_a_container_outlives_the_studio(
    process_engine: ProcessEngine, specify: Specify, tmp_path: Path
) -> None:
    spec = specify("i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.05; done; exit 4")
    studio = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from jupyter_mlstudio.compute.process_engine import ProcessEngine
        from jupyter_mlstudio.compute.protocol import AccessSettings, ContainerSpec
        engine = ProcessEngine("t1", root=Path({str(tmp_path)!r}),
            access=AccessSettings(1, 2, 3), command_for=lambda image, argv: (list(argv), {{}}))
        engine.start(ContainerSpec(name={spec.name!r}, image="x", base=Path({str(spec.base)!r}),
            labels={{}}, command={spec.command!r}))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    died = subprocess.run([sys.executable, "-c", studio], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert [state.phase for state in process_engine.owned()] == [Phase.RUNNING]
    assert texts(process_engine, spec.name) == [str(number) for number in range(30)]
    assert ended(process_engine, spec.name).exit_code == 4


def test_a_start_that_was_cut_off_is_finished(
    process_engine: ProcessEngine, specify: Specify
) -> None:
    spec = specify("echo ok")
    process_engine._create(spec, process_engine._folder / spec.name)
    state = process_engine.inspect(spec.name)
    assert state is not None
    assert state.phase is Phase.CREATED
    process_engine.start(spec)
    assert texts(process_engine, spec.name) == ["ok"]


def test_a_flood_is_capped_with_a_mark(
    process_engine: ProcessEngine, specify: Specify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.compute.process_engine.MAX_LOG", 200_000)
    spec = specify("seq 1 200000; echo end")
    process_engine.start(spec)
    lines = texts(process_engine, spec.name)
    assert lines[-1] == CAPPED
    assert lines[:3] == ["1", "2", "3"]
    assert ended(process_engine, spec.name).exit_code == 0
    log = process_engine._folder / spec.name / "log"
    assert log.stat().st_size < 200_000 + 5_000_000


def test_access_is_loopback(process_engine: ProcessEngine) -> None:
    access = process_engine.access()
    assert access.host == access.listen == "127.0.0.1"
    assert access.serves_credentials
    assert access.environment["AWS_ENDPOINT_URL_S3"] == f"http://127.0.0.1:{ACCESS.s3_port}"
