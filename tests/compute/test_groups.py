"""Containers of one group: they reach each other by name, and nobody else."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.process_engine import ProcessEngine
from jupyter_mlstudio.compute.protocol import EngineError, NetworkMode
from tests.compute.conftest import Specify
from tests.compute.test_conformance import ended, texts

pytestmark = pytest.mark.docker

LISTEN = "echo from-$(hostname) | timeout 20 nc -l -p 7777; wait"
ASK = """
for n in $(seq 100); do nc -w 2 algo-1 7777 </dev/null && break; sleep 0.1; done
nslookup algo-2 >/dev/null && echo own-name
"""


@pytest.fixture
def group(docker_engine: DockerEngine) -> Iterator[str]:
    name = f"mls-{docker_engine.studio_id}-{secrets.token_hex(3)}"
    yield name
    for state in docker_engine.owned():
        docker_engine.remove(state.name)
    docker_engine.remove_group(name)
    docker_engine.remove_group(name)
    assert docker_engine.groups() == []


def address(name: str) -> str:
    client = docker.from_env()
    config = client.networks.get(name).attrs["IPAM"]["Config"][0]
    client.close()
    return str(config["Gateway"])


def greet(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            server.accept()[0].close()


@pytest.mark.parametrize("mode", [NetworkMode.STUDIO, NetworkMode.NONE])
def test_hosts_of_a_group_talk(
    docker_engine: DockerEngine, specify: Specify, group: str, mode: NetworkMode
) -> None:
    listener = specify(LISTEN, hostname="algo-1", group=group, network=mode)
    docker_engine.start(listener)
    docker_engine.start(listener)
    asker = specify(ASK, "mls-ask", hostname="algo-2", group=group, network=mode)
    docker_engine.start(asker)
    assert ended(docker_engine, asker.name).exit_code == 0
    said = texts(docker_engine, asker.name)
    assert said[-2:] == ["from-algo-1", "own-name"]
    assert docker_engine.groups() == [group]


def test_an_isolated_group_reaches_neither_this_machine_nor_others(
    docker_engine: DockerEngine, specify: Specify, group: str
) -> None:
    isolated = specify("sleep 30", hostname="algo-1", group=group, network=NetworkMode.NONE)
    open_one = specify("sleep 30", "mls-open")
    for spec in (isolated, open_one):
        docker_engine.start(spec)
    client = docker.from_env()
    with socket.create_server((address("mlstudio"), 0)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        here = [str(part) for part in server.getsockname()]

        def reaches(name: str, *target: str) -> bool:
            done = client.containers.get(name).exec_run(["nc", "-w", "1", *target])
            return bool(done.exit_code == 0)

        assert reaches(open_one.name, *here)
        assert not reaches(isolated.name, *here)
        assert not reaches(isolated.name, address(group), here[1])
    client.close()


def test_groups_do_not_meet(docker_engine: DockerEngine, specify: Specify, group: str) -> None:
    other = f"{group}-other"
    listener = specify(LISTEN, hostname="algo-1", group=group)
    docker_engine.start(listener)
    client = docker.from_env()
    networks = client.containers.get(listener.name).attrs["NetworkSettings"]["Networks"]
    client.close()
    stranger = specify(
        f"nc -w 1 {networks[group]['IPAddress']} 7777 </dev/null; echo $?", "mls-s", group=other
    )
    try:
        docker_engine.start(stranger)
        ended(docker_engine, stranger.name)
        assert texts(docker_engine, stranger.name)[-1] == "1"
    finally:
        docker_engine.remove(stranger.name)
        docker_engine.remove_group(other)


def test_processes_have_no_groups(process_engine: ProcessEngine, specify: Specify) -> None:
    with pytest.raises(EngineError, match="Several instances need a container engine"):
        process_engine.start(specify("true", group="g"))
