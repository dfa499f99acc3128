"""Programs of ours in a container that has the engine's socket: Jupyter in Docker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import docker
from docker.types import Mount

import jupyter_mlstudio
from jupyter_mlstudio.compute.docker_client import DockerClient
from tests.machine import lacks

REPOSITORY = Path(jupyter_mlstudio.__file__).parents[1]


def userland() -> list[Mount]:
    """Return mounts that give a container our Python, its packages and libraries, as they are."""
    wanted = {sys.base_prefix, sys.prefix, str(REPOSITORY), "/usr", "/lib", "/lib64"}
    return [
        Mount(path, os.path.realpath(path), type="bind", read_only=True)
        for path in sorted(wanted)
        if Path(path).exists()
    ]


def inside(
    client: docker.APIClient,
    image: str,
    arguments: list[str],
    mounts: list[Mount],
    *,
    network: str = "none",
    timeout: int = 60,
) -> tuple[int, str]:
    """Run our Python in a container that has the engine's socket; return status and output."""
    socket = DockerClient().url.removeprefix("unix://")
    config = client.create_host_config(
        mounts=[*userland(), *mounts, Mount("/var/run/docker.sock", socket, type="bind")],
        group_add=[os.stat(socket).st_gid],
        network_mode=network,
    )
    container = client.create_container(
        image,
        entrypoint=[sys.executable, *arguments],
        user=f"{os.getuid()}:{os.getgid()}",
        environment={"HOME": "/tmp", "PYTHONPATH": str(REPOSITORY)},
        host_config=config,
    )["Id"]
    try:
        client.start(container)
        code = int(client.wait(container, timeout=timeout)["StatusCode"])
        return code, client.logs(container).decode()
    finally:
        client.remove_container(container, force=True, v=True)


def need_userland(client: docker.APIClient, image: str) -> None:
    """Skip, or fail in CI, where this Python does not run in a container that has it mounted."""
    code, said = inside(client, image, ["-c", "import docker, jupyter_mlstudio"], [])
    if code:
        lacks(f"this Python does not run in a container that has it mounted: {said[-300:]}")
