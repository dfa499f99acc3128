"""The studio itself in a container of the engine: jobs reach it, and it reaches its endpoints."""

from __future__ import annotations

import json

import docker
import pytest
from docker.types import Mount

from tests.compute.inside import REPOSITORY, inside, need_userland
from tests.endpoints import shell


@pytest.mark.docker
@pytest.mark.timeout(300)
@pytest.mark.parametrize("root", ["/studio/root", "/tmp/root"], ids=["on-a-volume", "in-itself"])
def test_a_studio_in_a_container(docker_api: docker.APIClient, volume: str, root: str) -> None:
    image = shell.image(docker_api)
    need_userland(docker_api, image)
    before = {network["Name"] for network in docker_api.networks()}
    program = str(REPOSITORY / "tests/e2e/contained.py")
    mounts = [Mount("/studio", volume)]
    try:
        code, said = inside(
            docker_api,
            image,
            [program, root, image],
            mounts,
            network="bridge",
            timeout=240,
        )
        assert code == 0, said
        found = json.loads(said.splitlines()[-1])
        assert found["train"]["status"] == "Completed", found["train"]["reason"]
        assert any("assumed-role/MLStudioExecutionRole" in line for line in found["train"]["log"])
        assert found["train"]["written"] == "hello"
        assert found["train"]["metrics"] == [["loss", 0.5]]
        assert found["meet"]["status"] == "Completed", found["meet"]
        assert "hello" in found["meet"]["log"]
        assert found["meet"]["model"] == ["algo-1", "algo-2"]
        assert found["process"]["status"] == "Completed", found["process"]
        assert found["process"]["keys"] == ["b", "sub/a.csv"]
        assert found["answers"] == [
            "1,2 isolated-False read-only",
            "1,2 isolated-True read-only",
        ]
    finally:
        for network in docker_api.networks():
            ours = network["Name"].removesuffix("-internal").removeprefix("mlstudio")
            if network["Name"] not in before and ours.startswith("-"):
                docker_api.remove_network(network["Id"])
