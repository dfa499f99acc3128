"""The studio in a container, its engine on the host: files are elsewhere for it, or not at all."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.types import Mount

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from tests.compute.conftest import ACCESS, clean
from tests.compute.inside import inside, need_userland

pytestmark = pytest.mark.docker

STUDIO = """
import json, sys
from pathlib import Path
from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.probe import probe
from jupyter_mlstudio.compute.protocol import (
    AccessSettings, ContainerSpec, Folder, NetworkMode, Overlay
)

studio, image, root = sys.argv[1], sys.argv[2], Path(sys.argv[3])
for folder in ("channel", "model"):
    (root / folder).mkdir(parents=True)
(root / "model").chmod(0o777)
(root / "channel/a.csv").write_text("1\\n")
data = "cat /data/a.csv; echo 2 >> /data/a.csv; cat /data/a.csv"
job = f"{data}; echo made > /model/m; chmod 0 /model/m"
engine = DockerEngine(studio, root=root, access=AccessSettings(1, 2, 3))
spec = ContainerSpec(
    name=f"mls-{studio}-1",
    image=image,
    base=root,
    labels={},
    command=["sh", "-c", job],
    mounts=[
        Overlay(root / "channel", root / "scratch", "/data"),
        Folder(root / "model", "/model"),
    ],
    network=NetworkMode.NONE,
)
engine.start(spec)
log = [line.text for line in engine.logs(spec.name)]
engine.readable_tree(root / "model")
engine.remove(spec.name)
engine.remove_tree(root / "scratch")
report = probe(engine)
found = {
    "mode": report.paths,
    "theirs": str(engine.paths.theirs),
    "overlay": report.overlay,
    "notes": report.notes,
    "log": log,
    "channel": (root / "channel/a.csv").read_text(),
    "model": (root / "model/m").read_text(),
    "left": sorted(path.name for path in root.iterdir()),
}
engine.close()
print(json.dumps(found))
"""


@pytest.fixture
def studio_id(tmp_path: Path, busybox: str) -> Iterator[str]:
    """Give the id of a studio whose containers go with the test."""
    studio_id = f"t{secrets.token_hex(3)}"
    yield studio_id
    clean(DockerEngine(studio_id, root=tmp_path, access=ACCESS))


def studio_inside(
    docker_api: docker.APIClient, image: str, studio_id: str, root: str, *mounts: Mount
) -> dict[str, Any]:
    """Run a studio's engine in a container; return what it found."""
    need_userland(docker_api, image)
    code, said = inside(docker_api, image, ["-c", STUDIO, studio_id, image, root], list(mounts))
    assert code == 0, said
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert found["log"] == ["1", "1", "2"]
    assert found["channel"] == "1\n"
    assert found["model"] == "made\n"
    assert found["left"] == ["channel", "model", "run"]
    return found


def test_a_folder_of_the_host_under_another_name(
    docker_api: docker.APIClient, busybox: str, studio_id: str, tmp_path: Path
) -> None:
    bind = Mount("/elsewhere", str(tmp_path), type="bind")
    found = studio_inside(docker_api, busybox, studio_id, "/elsewhere/a/studio", bind)
    assert (found["mode"], found["theirs"]) == ("mapped", str(tmp_path / "a/studio"))
    assert found["overlay"]
    assert any(str(tmp_path) in note for note in found["notes"])
    assert (tmp_path / "a/studio/model/m").read_text() == "made\n"


def test_a_volume_of_the_engine(
    docker_api: docker.APIClient, busybox: str, studio_id: str, volume: str
) -> None:
    found = studio_inside(docker_api, busybox, studio_id, "/opt/studio", Mount("/opt", volume))
    assert found["mode"] == "mapped"
    assert found["theirs"].endswith(f"/{volume}/_data/studio")


def test_a_folder_only_the_studios_container_has(
    docker_api: docker.APIClient, busybox: str, studio_id: str
) -> None:
    found = studio_inside(docker_api, busybox, studio_id, "/tmp/studio")
    assert (found["mode"], found["overlay"]) == ("none", False)
    assert any("copied" in note for note in found["notes"])
