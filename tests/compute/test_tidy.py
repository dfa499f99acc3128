"""Containers that a process needs for a moment, and was killed in the middle of."""

from __future__ import annotations

import os
import subprocess
import sys

import docker
import pytest

from jupyter_mlstudio._failpoints import VARIABLE
from jupyter_mlstudio.compute.docker_client import HELPER_LABEL, helper_labels
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.paths import PROBE_IMAGE

pytestmark = pytest.mark.docker

IMPORTS = "import sys; from pathlib import Path"
HELP = """
from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_files import HelperContainer
HelperContainer(DockerClient(), sys.argv[1]).run(sys.argv[2], "true", "")
"""
PROBE = """
from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.paths import probe_paths
probe_paths(DockerClient(), Path(sys.argv[2]), sys.argv[1])
"""


@pytest.mark.parametrize(
    ("program", "point"), [(HELP, "docker.helping"), (PROBE, "docker.probing")]
)
def test_helpers_that_fail_leave_nothing(
    docker_engine: DockerEngine, docker_api: docker.APIClient, program: str, point: str
) -> None:
    studio, root = docker_engine.studio_id, str(docker_engine.root)
    failed = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}{program}", studio, root],
        env={**os.environ, VARIABLE: f"{point}:1:fail"},
        capture_output=True,
        check=False,
    )
    assert f"fail-point {point}".encode() in failed.stderr
    label = {"label": f"{HELPER_LABEL}={studio}"}
    assert not docker_api.containers(all=True, filters=label)
    assert not docker_api.volumes(filters=label)["Volumes"]


@pytest.mark.parametrize(
    ("program", "point"),
    [(HELP, "docker.helping"), (PROBE, "docker.probing"), (PROBE, "docker.probing:2")],
)
def test_helpers_of_killed_processes_are_removed_and_no_others(
    docker_engine: DockerEngine, docker_api: docker.APIClient, program: str, point: str
) -> None:
    studio = docker_engine.studio_id
    label = {"label": f"{HELPER_LABEL}={studio}"}
    killed = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}{program}", studio, str(docker_engine.root)],
        env={**os.environ, VARIABLE: point},
        check=False,
    )
    assert killed.returncode == -9
    assert len(docker_api.containers(all=True, filters=label)) == 1
    mine = docker_api.create_container(
        PROBE_IMAGE, command=["never-run"], labels=helper_labels(studio)
    )["Id"]
    try:
        docker_engine.tidy()
        found = docker_api.containers(all=True, filters=label)
        assert [container["Id"] for container in found] == [mine]
        assert not docker_api.volumes(filters=label)["Volumes"]
    finally:
        docker_api.remove_container(mine, force=True)
