"""What only a Docker engine does: isolation, hardening, and being unwell."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
    NetworkMode,
    Overlay,
    Phase,
)
from tests.compute.conftest import ACCESS, BUSYBOX, Specify
from tests.compute.sockets import serving
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
    docker_engine._creator.create(spec)  # and another after the container was made
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
    for path in (tmp_path, *tmp_path.parents, tmp_path / "jobs"):
        if not path.stat().st_mode & 0o1:  # never /tmp, whose mode is everybody's business
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
