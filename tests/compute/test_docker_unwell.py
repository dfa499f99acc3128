"""An engine that hangs, or whose connection is lost."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.protocol import (
    EngineError,
)
from tests.compute.conftest import ACCESS, Specify
from tests.compute.sockets import Proxy, hanging_engine

pytestmark = pytest.mark.docker


def test_a_hung_engine_is_reported_in_time(tmp_path: Path, specify: Specify) -> None:
    calls: list[Callable[[DockerEngine], object]] = [
        lambda engine: engine.start(specify("true")),
        lambda engine: engine.inspect("x"),
        lambda engine: engine.owned(),
        lambda engine: engine.stop("x", 1),
        lambda engine: engine.remove("x"),
        lambda engine: next(engine.logs("x")),
        lambda engine: engine.access(),
        lambda engine: engine.image_exists("x"),
        lambda engine: engine.machine(),
        lambda engine: engine.paths,
    ]
    with hanging_engine(tmp_path / "docker.sock") as url:
        engine = DockerEngine("t", root=tmp_path, access=ACCESS, client=DockerClient(url))
        began = time.monotonic()
        with ThreadPoolExecutor(len(calls)) as pool:
            failures = list(pool.map(lambda call: failure(call, engine), calls))
        assert time.monotonic() - began < 10
        engine.close()
    assert all(error.retryable and "does not answer" in error.reason for error in failures)


def failure(call: Callable[[DockerEngine], object], engine: DockerEngine) -> EngineError:
    with pytest.raises(EngineError) as caught:
        call(engine)
    return caught.value


def test_an_engine_that_hangs_later_is_reported_too(
    tmp_path: Path, specify: Specify, busybox: str
) -> None:
    client = DockerClient()
    engine = DockerEngine("t", root=tmp_path, access=ACCESS, client=client)
    assert engine.inspect("x") is None
    with hanging_engine(tmp_path / "docker.sock") as url:
        hung = DockerClient(url)
        hung._api = docker.APIClient(base_url=url, version="1.41", timeout=8)
        late = DockerEngine("t", root=tmp_path, access=ACCESS, client=hung)
        began = time.monotonic()
        with pytest.raises(EngineError, match="does not answer") as caught:
            late.owned()
        assert time.monotonic() - began < 10
        assert caught.value.retryable
        late.close()
    engine.close()


def test_a_lost_connection_loses_no_line(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    proxy = Proxy(tmp_path / "p.sock")
    engine = DockerEngine(
        docker_engine.studio_id, root=tmp_path, access=ACCESS, client=DockerClient(proxy.url)
    )
    spec = specify("i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.05; done")
    docker_engine.start(spec)
    seen: list[str] = []
    since = broken = 0
    while True:
        try:
            for line in engine.logs(spec.name, since):
                seen.append(line.text)
                since = line.time_ns
                if len(seen) in (10, 30):
                    proxy.cut()
        except EngineError as error:
            assert error.retryable
            broken += 1
        else:
            break
    engine.close()
    proxy.close()
    assert broken >= 2
    assert seen == [str(number) for number in range(60)]


def test_changes_are_told_after_a_lost_connection(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    proxy = Proxy(tmp_path / "p.sock")
    engine = DockerEngine(
        docker_engine.studio_id, root=tmp_path, access=ACCESS, client=DockerClient(proxy.url)
    )
    told: queue.Queue[str] = queue.Queue()
    running = specify("sleep 60")
    docker_engine.start(running)
    engine.watch(told.put)
    assert told.get(timeout=10) == running.name
    while not told.empty():
        told.get()
    proxy.cut()
    assert told.get(timeout=15) == running.name
    other = specify("true")
    docker_engine.start(other)
    assert until(told, other.name)
    engine.close()
    proxy.close()


def until(told: queue.Queue[str], name: str) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if told.get(timeout=10) == name:
            return True
    return False
