"""What only a Docker engine does: isolation, hardening, and being unwell."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import queue
import shutil
import socket
import tarfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute import docker_spec
from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.docker_files import Mounts
from jupyter_mlstudio.compute.paths import PathMap
from jupyter_mlstudio.compute.probe import PROCESSES, choose_engine, probe
from jupyter_mlstudio.compute.protocol import (
    ContainerSpec,
    ContainerState,
    EngineError,
    Folder,
    ImageNotFound,
    NetworkMode,
    Overlay,
    Phase,
)
from tests.compute.conftest import ACCESS, BUSYBOX, Specify
from tests.compute.sockets import Proxy, hanging_engine
from tests.compute.test_conformance import ended, fetch, texts

pytestmark = pytest.mark.docker


def output(engine: DockerEngine, spec: ContainerSpec) -> list[str]:
    """Run a container and return what it wrote."""
    engine.start(spec)
    return texts(engine, spec.name)


def status(lines: list[str]) -> dict[str, str]:
    """Read lines of /proc/self/status."""
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def capable(mask: str, number: int) -> bool:
    return bool(int(mask, 16) >> number & 1)


NET_RAW, MKNOD, AUDIT_WRITE, SETFCAP, CHOWN = 13, 27, 29, 31, 0


def test_a_container_is_hardened(docker_engine: DockerEngine, specify: Specify) -> None:
    found = status(output(docker_engine, specify("cat /proc/self/status")))
    for capability in (NET_RAW, MKNOD, AUDIT_WRITE, SETFCAP):
        assert not capable(found["CapBnd"], capability)
    assert capable(found["CapEff"], CHOWN)
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == "2"


def test_a_container_of_ours_needs_less(docker_engine: DockerEngine, specify: Specify) -> None:
    spec = specify(
        "cat /proc/self/status; touch /tmp/a && echo tmp: yes; touch /etc/a || echo etc: no",
        user="10001:10001",
        read_only=True,
        drop_capabilities=True,
    )
    found = status(output(docker_engine, spec))
    assert int(found["CapBnd"], 16) == 0
    assert found["Uid"].split()[0] == "10001"
    assert (found["tmp"], found["etc"]) == ("yes", "no")


def test_a_fork_bomb_stays_inside(
    docker_engine: DockerEngine, specify: Specify, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert docker_spec.PIDS == 4096
    monkeypatch.setattr(docker_spec, "PIDS", 64)
    spec = specify("while true; do sleep 30 & done")
    docker_engine.start(spec)
    state = ended(docker_engine, spec.name)
    assert state.exit_code != 0
    assert "fork" in texts(docker_engine, spec.name)[0]


def test_only_the_studios_own_folders_are_mounted(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/etc")
    for source in (Path("/etc"), tmp_path / "link", tmp_path / ".." / ".."):
        spec = specify("true", mounts=[Folder(source, "/opt/ml/model")])
        with pytest.raises(EngineError, match="outside the studio's root"):
            docker_engine.start(spec)
        assert docker_engine.inspect(spec.name) is None


def test_containers_of_others_are_left_alone(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    spec = specify("sleep 30")
    docker_engine.start(spec)
    other = DockerEngine("other", root=tmp_path, access=ACCESS)
    try:
        assert spec.name not in [state.name for state in other.owned()]
        for act in (other.inspect, other.remove, lambda name: other.stop(name, 0)):
            with pytest.raises(EngineError, match="somebody else"):
                act(spec.name)
        with pytest.raises(EngineError, match="somebody else"):
            other.start(spec)
    finally:
        other.close()
    state = docker_engine.inspect(spec.name)
    assert state is not None
    assert state.phase is Phase.RUNNING


def test_a_start_that_was_cut_off_is_finished(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    (tmp_path / "lower").mkdir()
    mount = Overlay(tmp_path / "lower", tmp_path / "scratch", "/opt/ml/input/data/train")
    spec = specify("touch /opt/ml/input/data/train/x && echo ok", mounts=[mount])
    docker_engine._mounts(spec.name).make(spec.mounts)  # a crash right after the volume
    docker_engine._create(spec)  # and another after the container was made
    created = docker_engine.inspect(spec.name)
    assert created is not None
    assert created.phase is Phase.CREATED
    assert output(docker_engine, spec) == ["ok"]


def test_many_starts_make_one_container(docker_engine: DockerEngine, specify: Specify) -> None:
    spec = specify("echo once")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(docker_engine.start, [spec] * 6))
    assert texts(docker_engine, spec.name) == ["once"]
    assert len(docker_engine.owned()) == 1


def test_volumes_go_with_the_container(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    (tmp_path / "lower").mkdir()
    spec = specify("true", mounts=[Overlay(tmp_path / "lower", tmp_path / "s", "/data")])
    docker_engine.start(spec)
    with docker_engine._client.api() as api:
        assert [v["Name"] for v in _volumes(api, spec)] == [f"{spec.name}-0"]
        docker_engine.remove(spec.name)
        assert _volumes(api, spec) == []


def _volumes(api: docker.APIClient, spec: ContainerSpec) -> list[dict[str, str]]:
    return list(api.volumes(filters={"label": f"mlstudio.container={spec.name}"})["Volumes"] or [])


def test_data_is_copied_where_overlays_do_not_work(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    docker_engine._paths = PathMap("same", tmp_path, tmp_path, overlay=False)
    (tmp_path / "lower").mkdir()
    (tmp_path / "lower/a").write_text("1\n")
    spec = specify(
        "echo 2 >> /data/a; cat /data/a",
        mounts=[Overlay(tmp_path / "lower", tmp_path / "scratch", "/data")],
    )
    assert output(docker_engine, spec) == ["1", "2"]
    assert (tmp_path / "lower/a").read_text() == "1\n"


def test_an_engine_that_sees_our_files_elsewhere(tmp_path: Path) -> None:
    """As where Jupyter runs in a container and the engine on its host."""
    paths = PathMap("mapped", tmp_path, Path("/srv/home/me"), overlay=True)
    assert paths.engine_path(tmp_path / "jobs" / "x") == "/srv/home/me/jobs/x"
    with pytest.raises(EngineError, match="outside the studio's root"):
        paths.engine_path(Path("/etc"))


@pytest.mark.parametrize(
    ("mode", "source", "refused"),
    [
        ("same", "shared/in", None),
        ("same", "other", "is in no folder that is shared"),
        ("same", "shared/link", "is in no folder that is shared"),
        ("mapped", "shared/in", "does not see"),
        ("none", "shared/in", "does not see"),
    ],
)
def test_only_what_is_shared_is_mounted_from_outside_the_root(
    docker_engine: DockerEngine, tmp_path: Path, mode: str, source: str, refused: str | None
) -> None:
    (tmp_path / "shared" / "in").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "shared" / "link").symlink_to(tmp_path / "other")
    paths = PathMap(mode, tmp_path / "root", tmp_path / "root", overlay=True)
    shared = [tmp_path / "shared"]
    mounts = Mounts(docker_engine._client, paths, "x", docker_engine.studio_id, shared)
    asked = [Folder(tmp_path / source, "/x", read_only=True, shared=True)]
    if refused:
        with pytest.raises(EngineError, match=refused):
            mounts.make(asked)
    else:
        (made,) = mounts.make(asked)
        assert (made["Source"], made["ReadOnly"]) == (str(tmp_path / source), True)


def test_the_engine_is_asked_what_it_sees(docker_engine: DockerEngine, tmp_path: Path) -> None:
    assert docker_engine.paths.mode == "same"
    assert docker_engine.paths.overlay
    odd = tmp_path / "a:b, c\\d"
    odd.mkdir()
    engine = DockerEngine(docker_engine.studio_id, root=odd, access=ACCESS)
    assert engine.paths.mode == "same"
    engine.close()
    assert list((tmp_path / "run").iterdir()) == []


def test_containers_reach_the_studio(docker_engine: DockerEngine, specify: Specify) -> None:
    access = docker_engine.access()
    assert access.host == access.listen == "169.254.170.2"
    with serving(access.listen, 200) as port:
        url = f"http://{access.host}:{port}/"
        assert output(docker_engine, specify(f"wget -q -O - {url}")) == ["answer"]


def test_containers_do_not_reach_each_other(docker_engine: DockerEngine, specify: Specify) -> None:
    server = specify("echo hi > /tmp/x; exec httpd -f -p 8080 -h /tmp", port=8080)
    docker_engine.start(server)
    host, port = address(docker_engine, server)
    assert fetch(f"http://{host}:{port}/x") == b"hi\n"
    spec = specify(f"wget -q -T 3 -O - http://{host}:{port}/x || echo no")
    found = output(docker_engine, spec)
    assert "no" in found
    assert "hi" not in found


@pytest.mark.parametrize("network", [NetworkMode.NONE, NetworkMode.INTERNAL])
def test_an_isolated_container_reaches_nothing(
    docker_engine: DockerEngine, specify: Specify, network: NetworkMode
) -> None:
    access = docker_engine.access()
    with serving(access.listen, 200) as port:
        script = f"wget -q -T 3 -O - http://{access.host}:{port}/ 2>/dev/null || echo no"
        route = (
            "grep -c -v Iface /proc/net/route; nslookup example.com >/dev/null 2>&1 || echo none"
        )
        found = output(docker_engine, specify(f"{script}; {route}", network=network))
    assert "no" in found
    assert "answer" not in found
    assert found[-1] == "none"


def test_an_isolated_endpoint_is_reached_from_here(
    docker_engine: DockerEngine, specify: Specify
) -> None:
    script = "echo hi > /tmp/x; exec httpd -f -p 8080 -h /tmp"
    spec = specify(script, port=8080, network=NetworkMode.INTERNAL)
    docker_engine.start(spec)
    host, port = address(docker_engine, spec)
    assert fetch(f"http://{host}:{port}/x") == b"hi\n"


@pytest.mark.parametrize("network", list(NetworkMode))
def test_a_host_knows_its_own_name(
    docker_engine: DockerEngine, specify: Specify, network: NetworkMode
) -> None:
    spec = specify("hostname; grep -c algo-1 /etc/hosts", network=network, hostname="algo-1")
    assert output(docker_engine, spec) == ["algo-1", "1"]


def address(engine: DockerEngine, spec: ContainerSpec) -> tuple[str, int]:
    state = engine.inspect(spec.name)
    assert state is not None
    assert state.address is not None
    return state.address


@contextmanager
def serving(host: str, code: int, headers: tuple[tuple[str, str], ...] = ()) -> Iterator[int]:
    """Serve one answer at ``host``; give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"answer\n")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_files_of_root_are_read_and_deleted(
    docker_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    folder = tmp_path / "jobs" / "model"
    folder.mkdir(parents=True)
    spec = specify(
        "cd /m; mkdir deep; echo secret > deep/f; chmod 0 deep/f; chmod 700 deep; chown 0:0 . deep",
        mounts=[Folder(folder, "/m")],
    )
    output(docker_engine, spec)
    for path in (tmp_path, *tmp_path.parents[:3], tmp_path / "jobs"):
        path.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(tmp_path / "jobs", NOBODY)

    def work() -> None:
        engine = DockerEngine("t", root=tmp_path, access=ACCESS)
        engine._paths = docker_engine.paths
        engine.readable_tree(folder)
        (tmp_path / "jobs/seen").write_text((folder / "deep/f").read_text())
        engine.remove_tree(folder)
        engine.close()

    (tmp_path / "jobs/seen").touch(0o666)
    (tmp_path / "jobs/seen").chmod(0o666)
    unprivileged(work)
    assert (tmp_path / "jobs/seen").read_text() == "secret\n"
    assert not folder.exists()


NOBODY = 65534


def unprivileged(work: Callable[[], None]) -> None:
    """Call ``work`` as a user who may only talk to Docker; in a child where we are root."""
    if os.getuid():
        work()
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([os.stat("/var/run/docker.sock").st_gid])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [(401, "unauthorized|401|no basic auth"), (404, "not found|404|unknown"), (429, "429|too")],
)
def test_a_registry_that_refuses_is_named(
    docker_engine: DockerEngine, tmp_path: Path, code: int, said: str
) -> None:
    engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
    with serving("127.0.0.1", code) as port:
        image = f"127.0.0.1:{port}/team/model:1"
        with pytest.raises(
            ImageNotFound, match=f"registry 127.0.0.1:{port}.*(?i:{said})"
        ) as caught:
            engine.ensure_image(image)
    engine.close()
    assert "jupyter mlstudio images build" in caught.value.reason


def test_images_are_not_pulled_unasked(docker_engine: DockerEngine, specify: Specify) -> None:
    spec = replace(specify("true"), image="127.0.0.1:1/none:1")
    with pytest.raises(ImageNotFound, match=r"switched off.*docker pull 127.0.0.1:1/none:1"):
        docker_engine.start(spec)
    assert docker_engine.inspect(spec.name) is None


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


def test_auto_takes_what_answers(docker_engine: DockerEngine, tmp_path: Path) -> None:
    def choose(setting: str, url: str | None = None) -> tuple[str, str | None, bool]:
        client = DockerClient(url)
        engine = choose_engine(
            setting, "t", root=tmp_path, access=ACCESS, command_for=lambda *_: None, client=client
        )
        report = probe(engine)
        engine.close()
        assert report.name == engine.name
        return engine.name, engine.note, report.reachable

    nowhere = f"unix://{tmp_path}/no.sock"
    assert choose("auto") == ("docker", None, True)
    assert choose("process") == ("process", PROCESSES, True)
    assert choose("docker", nowhere) == ("docker", None, False)
    name, note, reachable = choose("auto", nowhere)
    assert (name, reachable) == ("process", True)
    assert note is not None
    assert note.startswith(f"{PROCESSES} No Docker engine answers: ")
    with pytest.raises(ValueError, match="podman"):
        choose("podman")


def test_the_report_for_doctor(docker_engine: DockerEngine) -> None:
    report = probe(docker_engine)
    assert report.reachable
    assert (report.paths, report.overlay, report.access) == ("same", True, "169.254.170.2")
    assert report.version
    assert report.storage_driver
    assert report.cgroup_version in ("1", "2")


def test_a_state_names_who_is_meant(docker_engine: DockerEngine, specify: Specify) -> None:
    spec = specify("sleep 30")
    docker_engine.start(spec)
    state = docker_engine.inspect(spec.name)
    assert isinstance(state, ContainerState)
    assert (state.name, state.phase, state.exit_code) == (spec.name, Phase.RUNNING, None)
    assert spec.image == BUSYBOX


def test_a_registry_that_says_nothing_is_given_up(
    docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.compute.docker_images.PULL_SILENCE", 1)
    engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EngineError, match=f"127.0.0.1:{port} sent nothing") as caught:
            engine.ensure_image(f"127.0.0.1:{port}/team/model:1")
    assert caught.value.retryable
    engine.close()


def test_an_image_comes_from_a_registry_when_allowed(
    docker_engine: DockerEngine, tmp_path: Path, busybox: str
) -> None:
    with registry(busybox) as image:
        engine = DockerEngine(docker_engine.studio_id, root=tmp_path, access=ACCESS, pull=True)
        assert not engine.image_exists(image)
        engine.ensure_image(image)
        assert engine.image_exists(image)
        with engine._client.api() as api:
            api.remove_image(image)
        engine.close()


@contextmanager
def registry(image: str) -> Iterator[str]:
    """Serve an image by the distribution protocol; give its name there."""
    api = docker.APIClient(version="auto", timeout=30)
    with tarfile.open(fileobj=io.BytesIO(b"".join(api.get_image(image)))) as saved:
        manifest = json.loads(_member(saved, "manifest.json"))[0]
        config = _member(saved, manifest["Config"])
        layers = [gzip.compress(_member(saved, name), 1) for name in manifest["Layers"]]
    api.close()
    document = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _describe(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [
                _describe(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")
                for layer in layers
            ],
        }
    ).encode()
    blobs = {_digest(blob): blob for blob in (config, document, *layers)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                self._answer(document, MANIFEST)
            elif wanted in blobs:
                self._answer(blobs[wanted], "application/octet-stream")
            else:
                self._answer(b"{}", "application/json")

        do_HEAD = do_GET

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}/mlstudio-test/pulled:1"
        finally:
            server.shutdown()
            thread.join()


MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _describe(blob: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}
