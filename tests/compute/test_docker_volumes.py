"""An engine that sees none of our files: they go into volumes, and come back from there."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from jupyter_mlstudio.compute import docker_volumes
from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.probe import probe
from jupyter_mlstudio.compute.protocol import (
    ContainerSpec,
    ContentsLost,
    EngineError,
    Folder,
    Overlay,
    Phase,
)
from tests.compute.conftest import Specify
from tests.compute.sockets import Proxy
from tests.compute.test_conformance import digest, ended, texts

pytestmark = pytest.mark.docker

JOB = """
exec 2>/dev/null
cd /opt/ml
cat input/config/h.json input/data/train/a.csv input/data/train/deep/b.csv
rm model/old; mkdir model/deep
printf 'a\\377\\0b' > model/deep/f; chmod 0 model/deep/f; chmod 700 model/deep
head -c 3000000 /dev/zero > model/zeros; touch model/run; chmod 755 model/run
touch input/data/train/new && echo wrote
echo no > metadata/x || echo read-only
"""
INPUT = ['{"depth": "3"}', "1", "2"]


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    """Give the folders of a training job, as open as it makes them."""
    base = tmp_path / "jobs/j/opt/ml"
    for folder in ("input/config", "model", "metadata"):
        (base / folder).mkdir(parents=True)
    (base / "input/config/h.json").write_text('{"depth": "3"}\n')
    (base / "model/old").touch()
    (base / "metadata/m.json").touch()
    (tmp_path / "channel/deep").mkdir(parents=True)
    (tmp_path / "channel/a.csv").write_text("1\n")
    (tmp_path / "channel/deep/b.csv").write_text("2\n")
    for path in base.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    for path in (tmp_path / "channel").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return base


def job(specify: Specify, ml: Path, script: str = JOB, **fields: object) -> ContainerSpec:
    root = ml.parents[3]
    mounts = [
        Folder(ml / "input", "/opt/ml/input"),
        Folder(ml / "model", "/opt/ml/model"),
        Folder(ml / "metadata", "/opt/ml/metadata", read_only=True),
        Overlay(root / "channel", root / "scratch", "/opt/ml/input/data/train"),
    ]
    return specify(script, mounts=mounts, **fields)


def objects(engine: DockerEngine, spec: ContainerSpec) -> list[str]:
    """Return the volumes and couriers of a container that the engine has."""
    with engine._client.api() as api:
        volumes = api.volumes(filters={"label": f"mlstudio.container={spec.name}"})["Volumes"]
        couriers = api.containers(all=True, filters={"name": f"{spec.name}-courier"})
    return [*(each["Name"] for each in volumes or []), *(each["Names"][0] for each in couriers)]


@pytest.mark.parametrize("user", [None, "65534:65534"])
def test_a_job_finds_its_input_and_its_model_comes_back(
    copying_engine: DockerEngine, specify: Specify, ml: Path, tmp_path: Path, user: str | None
) -> None:
    before = digest(tmp_path / "channel")
    spec = job(specify, ml, user=user)
    copying_engine.start(spec)
    assert texts(copying_engine, spec.name) == [*INPUT, "wrote", "read-only"]
    assert (ml / "model/old").exists()
    copying_engine.readable_tree(ml)
    model = ml / "model"
    assert sorted(path.name for path in model.rglob("*")) == ["deep", "f", "run", "zeros"]
    assert (model / "deep/f").read_bytes() == b"a\xff\0b"
    assert (model / "zeros").read_bytes() == bytes(3_000_000)
    assert os.access(model / "run", os.X_OK)
    assert not os.access(model / "zeros", os.X_OK)
    assert (ml / "input/config/h.json").read_text() == '{"depth": "3"}\n'
    assert digest(tmp_path / "channel") == before
    copying_engine.remove(spec.name)
    assert objects(copying_engine, spec) == []
    assert list((tmp_path / "run/volumes").iterdir()) == []


def test_nothing_outside_of_the_root_is_copied(
    copying_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/etc")
    for mount in (
        Folder(Path("/etc"), "/m"),
        Folder(tmp_path / "link", "/m"),
        Overlay(tmp_path / "link", tmp_path / "scratch", "/m"),
    ):
        spec = specify("true", mounts=[mount])
        with pytest.raises(EngineError, match="outside the studio's root"):
            copying_engine.start(spec)
        assert copying_engine.inspect(spec.name) is None
        assert objects(copying_engine, spec) == []


def test_links_of_a_container_lead_nowhere(
    copying_engine: DockerEngine, specify: Specify, ml: Path
) -> None:
    script = """
    cd /opt/ml/model
    busybox ln -s /etc etc; busybox ln -s ../../../../../../etc/passwd passwd
    busybox ln -s deep/../../x climbs; mkdir deep; echo 1 > deep/f
    busybox ln -s deep/f inside; busybox ln -s ../deep/f deep/up; busybox ln deep/f hard
    busybox mkfifo fifo
    rm -r /opt/ml/model 2>/dev/null || echo mounted
    """
    script = script.replace("rm -r /opt/ml/model", "busybox rmdir /opt/ml/model")
    spec = job(specify, ml, script)
    copying_engine.start(spec)
    assert texts(copying_engine, spec.name) == ["mounted"]
    copying_engine.readable_tree(ml)
    found = {str(path.relative_to(ml / "model")) for path in (ml / "model").rglob("*")}
    assert found == {"old", "deep", "deep/f", "deep/up", "inside", "hard"}
    assert os.readlink(ml / "model/inside") == "deep/f"
    assert (ml / "model/inside").read_text() == (ml / "model/hard").read_text() == "1\n"


def test_a_model_that_is_a_link_brings_nothing(
    copying_engine: DockerEngine, specify: Specify, ml: Path
) -> None:
    """A mount cannot be replaced by a link from inside, but the folder it is in can."""
    mount = Folder(ml / "model", "/opt/x/model")
    script = "cd /opt; busybox mv x y && mkdir x && busybox ln -s /etc x/model && echo replaced"
    spec = specify(script, mounts=[mount])
    copying_engine.start(spec)
    assert texts(copying_engine, spec.name) == ["replaced"]
    copying_engine.readable_tree(ml)
    assert sorted(path.name for path in (ml / "model").iterdir()) == ["old"]


def test_what_came_back_is_not_fetched_again(
    copying_engine: DockerEngine, specify: Specify, ml: Path
) -> None:
    spec = job(specify, ml, "echo 1 > /opt/ml/model/m; echo 2 > /opt/ml/input/i")
    copying_engine.start(spec)
    ended(copying_engine, spec.name)
    copying_engine.readable_tree(ml / "model")
    assert (ml / "model/m").exists()
    assert not (ml / "input/i").exists()
    (ml / "model/published").touch()
    copying_engine.readable_tree(ml)
    assert (ml / "model/published").exists()
    assert (ml / "input/i").exists()


def test_what_is_gone_is_not_taken_for_an_empty_model(
    copying_engine: DockerEngine, specify: Specify, ml: Path
) -> None:
    spec = job(specify, ml, "true")
    copying_engine.start(spec)
    ended(copying_engine, spec.name)
    with copying_engine._client.api() as api:
        api.remove_container(spec.name)
        api.remove_volume(f"{spec.name}-1")
    with pytest.raises(ContentsLost, match=rf"gone.*{spec.name}-1") as caught:
        copying_engine.readable_tree(ml)
    assert not caught.value.retryable
    copying_engine.remove(spec.name)
    assert objects(copying_engine, spec) == []


class Crash(BaseException):
    """The studio dies."""


@pytest.mark.parametrize("calls", range(1, 11))
def test_a_start_cut_off_anywhere_is_begun_anew(
    copying_engine: DockerEngine, specify: Specify, ml: Path, calls: int
) -> None:
    """The studio dies before its n-th call that changes something, and leaves all as it is."""
    spec = job(specify, ml)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        _die_before(patch, calls)
        copying_engine.start(spec)
    state = copying_engine.inspect(spec.name)
    assert state is None or state.phase is Phase.CREATED
    copying_engine.start(spec)
    assert texts(copying_engine, spec.name)[:3] == INPUT
    copying_engine.readable_tree(ml)
    assert (ml / "model/deep/f").read_bytes() == b"a\xff\0b"


def _die_before(patch: pytest.MonkeyPatch, calls: int) -> None:
    """Let ``calls`` - 1 more calls through, then none at all."""
    count = itertools.count(1)

    def guarded(name: str) -> None:
        through = getattr(docker.APIClient, name)

        def call(*given: object, **named: object) -> object:
            if next(count) >= calls:
                raise Crash
            return through(*given, **named)

        patch.setattr(docker.APIClient, name, call)

    for name in ("create_volume", "create_container", "put", "remove_container", "start"):
        guarded(name)


def test_a_copy_that_breaks_off_is_begun_anew(
    copying_engine: DockerEngine,
    specify: Specify,
    ml: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = docker_volumes.pack

    def broken(parts: object) -> Iterator[bytes]:
        yield next(pack(parts))[:700]  # type: ignore[arg-type]  # passed on
        raise EngineError("cut", retryable=True)

    spec = job(specify, ml)
    monkeypatch.setattr(docker_volumes, "pack", broken)
    with pytest.raises(EngineError, match="cut"):
        copying_engine.start(spec)
    assert copying_engine.inspect(spec.name) is None
    monkeypatch.undo()
    copying_engine.start(spec)
    assert texts(copying_engine, spec.name)[:3] == INPUT


def test_a_fetch_that_breaks_off_leaves_what_was_there(
    copying_engine: DockerEngine, specify: Specify, ml: Path, tmp_path: Path
) -> None:
    spec = job(specify, ml, "head -c 50000000 /dev/zero > /opt/ml/model/m")
    copying_engine.start(spec)
    ended(copying_engine, spec.name)
    proxy = Proxy(tmp_path / "p.sock")
    engine = DockerEngine(
        copying_engine.studio_id,
        root=tmp_path,
        access=copying_engine._access,
        client=DockerClient(proxy.url),
        paths=copying_engine.paths,
    )
    unpack = docker_volumes.unpack

    def cutting(stream: object, destination: Path) -> None:
        proxy.cut()
        unpack(stream, destination)  # type: ignore[arg-type]  # passed on

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docker_volumes, "unpack", cutting)
        with pytest.raises(EngineError) as caught:
            engine.readable_tree(ml / "model")
    assert caught.value.retryable
    assert [path.name for path in (ml / "model").iterdir()] == ["old"]
    engine.readable_tree(ml / "model")
    assert (ml / "model/m").stat().st_size == 50_000_000
    assert sorted(path.name for path in ml.iterdir()) == ["input", "metadata", "model"]
    engine.close()
    proxy.close()


def test_the_doctor_says_what_it_costs(copying_engine: DockerEngine) -> None:
    report = probe(copying_engine)
    assert (report.paths, report.overlay) == ("none", False)
    assert any("copied into volumes" in note and "bind mount" in note for note in report.notes)


MEMORY = """
import resource, sys
from pathlib import Path
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.paths import PathMap
from jupyter_mlstudio.compute.protocol import *

studio, image, name, root = sys.argv[1:]
root = Path(root)
paths = PathMap("none", root, root, overlay=False)
engine = DockerEngine(studio, root=root, access=AccessSettings(1, 2, 3), paths=paths)
mounts = [
    Overlay(root / "channel", root / "scratch", "/data"),
    Folder(root / "model", "/model"),
]
script = "cat /data/big /data/big > /model/big"
command = ["sh", "-c", script]
spec = ContainerSpec(name, image, root, labels={}, command=command, mounts=mounts)
engine.inspect(name)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
engine.start(spec)
list(engine.logs(name))
engine.readable_tree(root / "model")
engine.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
CHANNEL = 200 << 20
KILOBYTE = 1024
"""The unit of ru_maxrss."""


def test_large_data_does_not_pass_through_memory(
    copying_engine: DockerEngine, specify: Specify, tmp_path: Path
) -> None:
    for folder in ("channel", "model"):
        (tmp_path / folder).mkdir()
    (tmp_path / "model").chmod(0o777)
    block = os.urandom(1 << 20)
    with (tmp_path / "channel/big").open("wb") as file:
        for _ in range(CHANNEL >> 20):
            file.write(block)
    spec = specify("")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, copying_engine.studio_id, spec.image, spec.name, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = hashlib.sha256(block * (2 * CHANNEL >> 20)).hexdigest()
    with (tmp_path / "model/big").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == wanted
    assert int(done.stdout) * KILOBYTE < 32 << 20
