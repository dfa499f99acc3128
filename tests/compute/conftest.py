"""A tiny image made from the machine's own static busybox, and engines to run things on."""

from __future__ import annotations

import io
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.paths import PathMap
from jupyter_mlstudio.compute.process_engine import ProcessEngine
from jupyter_mlstudio.compute.protocol import AccessSettings, ContainerSpec, Engine
from tests.machine import lacks

BUSYBOX = "mlstudio-test/busybox:4"
ACCESS = AccessSettings(port=18080, s3_port=18081, gateway_port=18082)
APPLETS = (
    "cat chmod chown echo env find grep head hostname httpd id kill ls mkdir nc nslookup printf rm "
    "seq sh sleep stat tail timeout tr touch true wget yes"
)

Specify = Callable[..., ContainerSpec]


def make_image(client: docker.APIClient) -> None:
    """Import an image of busybox and links to it."""
    program = shutil.which("busybox")
    if program is None:
        lacks("no static busybox (apt: busybox-static)")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "opt"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(entry)
        tar.add(program, "bin/busybox")
        for name in APPLETS.split():
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    repository, tag = BUSYBOX.split(":")
    client.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)


@pytest.fixture(scope="session")
def busybox() -> str:
    """Return an image with a shell and little else."""
    client = docker.APIClient(version="auto", timeout=8)
    try:
        if not client.images(BUSYBOX):
            make_image(client)
    finally:
        client.close()
    return BUSYBOX


@pytest.fixture
def docker_engine(tmp_path: Path, busybox: str) -> Iterator[DockerEngine]:
    """Give a Docker engine with a studio id of its own; its containers go with the test."""
    engine = DockerEngine(f"t{secrets.token_hex(3)}", root=tmp_path, access=ACCESS)
    yield engine
    clean(engine)


@pytest.fixture
def copying_engine(tmp_path: Path, busybox: str) -> Iterator[DockerEngine]:
    """Give a Docker engine that is told it sees none of our files."""
    paths = PathMap("none", tmp_path, tmp_path, overlay=False)
    engine = DockerEngine(f"t{secrets.token_hex(3)}", root=tmp_path, access=ACCESS, paths=paths)
    yield engine
    clean(engine)


@pytest.fixture
def process_engine(tmp_path: Path) -> Iterator[ProcessEngine]:
    """Give an engine of plain processes that runs arguments as they are."""
    engine = ProcessEngine(
        "t1",
        root=tmp_path,
        access=ACCESS,
        command_for=lambda image, argv: (list(argv), {}) if image == BUSYBOX else None,
    )
    yield engine
    clean(engine)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("copying", marks=pytest.mark.docker),
        "process",
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Give each engine in turn."""
    engine: Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


@pytest.fixture
def specify(tmp_path: Path) -> Specify:
    """Give a function that describes a container running a shell script."""

    def build(script: str, name: str = "mls-test", **fields: object) -> ContainerSpec:
        base = tmp_path / "jobs" / name
        base.mkdir(parents=True, exist_ok=True)
        given = {"labels": {}, "command": ["sh", "-c", script], **fields}
        given["environment"] = {"SAGEMAKER_BASE_DIR": "/opt/ml", **given.get("environment", {})}
        unique = f"{name}-{tmp_path.name.replace('_', '-')}-{secrets.token_hex(2)}"
        return ContainerSpec(name=unique, image=BUSYBOX, base=base, **given)  # type: ignore[arg-type]

    return build


def clean(engine: Engine) -> None:
    """Remove every container of an engine and close it."""
    for state in engine.owned():
        engine.remove(state.name)
    engine.close()
