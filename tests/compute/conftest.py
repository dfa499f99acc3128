"""A tiny image made from the machine's own static busybox, and engines to run it on."""

from __future__ import annotations

import io
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.protocol import AccessSettings

BUSYBOX = "mlstudio-test/busybox:1"
ACCESS = AccessSettings(port=18080, s3_port=18081, gateway_port=18082)


@pytest.fixture(scope="session")
def busybox() -> str:
    """Return an image with a shell, or skip where none can be made (apt: busybox-static)."""
    program = shutil.which("busybox")
    client = docker.from_env(timeout=8)
    try:
        if client.images.list(BUSYBOX):
            return BUSYBOX
        if program is None:
            pytest.skip("needs busybox-static")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for folder in ("bin", "tmp", "etc", "opt"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777
                tar.addfile(entry)
            tar.add(program, "bin/busybox")
            for name in "sh cat echo sleep chown chmod rm find nc ls id touch head yes seq tr wget dd env hostname nslookup printf awk true kill mount mkdir ping".split():
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        repository, tag = BUSYBOX.split(":")
        client.api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)
    finally:
        client.close()
    return BUSYBOX


@pytest.fixture
def docker_engine(tmp_path: Path, busybox: str) -> Iterator[DockerEngine]:
    """Give an engine with a studio id of its own; its containers go with the test."""
    engine = DockerEngine(f"t{secrets.token_hex(3)}", root=tmp_path, access=ACCESS)
    yield engine
    for state in engine.owned():
        engine.remove(state.name)
    engine.close()
