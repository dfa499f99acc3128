"""Files for an engine that does not see ours: volumes, filled before a container is made.

The container is made only when all its volumes are full, so one that exists is complete, whenever
the studio died before. What it writes into writable folders is fetched when it has ended; a file
per container says which folders are away in which volumes until then.

A *courier* carries the files: a container of an empty image that never runs and only mounts the
volumes, so that nothing an image or a program made can lead the engine astray.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import docker
import docker.errors
from docker.types import Mount

from jupyter_mlstudio.compute.archives import Packed, pack, unpack
from jupyter_mlstudio.compute.docker_client import (
    TRANSFER_SILENCE,
    DockerClient,
    Gone,
    helper_labels,
)
from jupyter_mlstudio.compute.paths import PROBE_IMAGE, PathMap, make_probe_image
from jupyter_mlstudio.compute.protocol import STUDIO_LABEL, ContentsLost, Folder, Overlay

log = logging.getLogger(__name__)

CONTAINER_LABEL = "mlstudio.container"
_AWAY = Path("run/volumes")
_HOLD = "volumes"
"""Folder of the courier that holds the volumes."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """The volumes of one container; they carry its name."""

    client: DockerClient
    paths: PathMap
    container: str
    studio_id: str

    def fill(self, mounts: Sequence[Folder | Overlay]) -> list[Mount]:
        """Return mounts of new volumes with copies of what ``mounts`` name."""
        for mount in mounts:
            self.paths.relative(mount.source if isinstance(mount, Folder) else mount.lower)
        self.remove()
        if not mounts:
            return []
        names = [f"{self.container}-{index}" for index in range(len(mounts))]
        self._write_away(
            {
                name: str(self.paths.relative(mount.source))
                for name, mount in zip(names, mounts, strict=True)
                if isinstance(mount, Folder) and not mount.read_only
            }
        )
        with self.client.api() as api:
            for name in names:
                labels = {STUDIO_LABEL: self.studio_id, CONTAINER_LABEL: self.container}
                api.create_volume(name, driver="local", labels=labels)
        with self._courier(names) as courier:
            parts = map(_packed, names, mounts)
            self.client.upload(f"/containers/{courier}/archive", {"path": "/"}, pack(parts))
        return [_mount(name, mount) for name, mount in zip(names, mounts, strict=True)]

    def fetch(self, below: Path) -> None:
        """Bring back the folders below ``below`` that are away, each once. Safe to repeat.

        Raises
        ------
        ContentsLost
            A volume is gone, and what was in it.
        """
        for volume, relative in self._read_away().items():
            folder = self.paths.ours / relative
            if folder.is_relative_to(below.resolve()):
                self._fetch(volume, folder)
                away = self._read_away()
                del away[volume]
                self._write_away(away)

    def remove(self) -> list[str]:
        """Remove the volumes, whatever is in them; return those that the engine keeps."""
        with self.client.api() as api:
            with suppress(docker.errors.NotFound):
                api.remove_container(self._courier_name, force=True)
            mine = {"label": f"{CONTAINER_LABEL}={self.container}"}
            names = [volume["Name"] for volume in api.volumes(filters=mine)["Volumes"] or []]
            kept = [name for name in names if not remove_volume(api, name)]
        self._away.unlink(missing_ok=True)
        return kept

    @property
    def _courier_name(self) -> str:
        return f"{self.container}-courier"

    @property
    def _away(self) -> Path:
        return self.paths.ours / _AWAY / f"{self.container}.json"

    def _read_away(self) -> dict[str, str]:
        """Return the folders, relative to the root, that are away, by their volumes."""
        try:
            return cast("dict[str, str]", json.loads(self._away.read_text()))
        except FileNotFoundError:
            return {}

    def _write_away(self, folders: dict[str, str]) -> None:
        self._away.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._away.with_suffix(".new")
        unfinished.write_text(json.dumps(folders))
        unfinished.replace(self._away)

    def _fetch(self, volume: str, folder: Path) -> None:
        fresh = folder.with_name(f".{folder.name}.fetching")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.client.api() as api:
                api.inspect_volume(volume)
        except Gone as error:
            raise ContentsLost(f"What the container wrote is gone: {error.reason}.") from error
        with (
            self._courier([volume]) as courier,
            self.client.stream(
                f"/containers/{courier}/archive",
                {"path": f"/{_HOLD}/{volume}"},
                read_timeout=TRANSFER_SILENCE,
            ) as response,
        ):
            response.raw.decode_content = True
            unpack(cast("IO[bytes]", response.raw), fresh)
        _replace(folder, fresh)

    @contextmanager
    def _courier(self, volumes: Sequence[str]) -> Iterator[str]:
        """Give a container with the volumes below its folder ``volumes``."""
        with self.client.api() as api:
            make_probe_image(api)
            with suppress(docker.errors.NotFound):
                api.remove_container(self._courier_name, force=True)
            mounts = [Mount(f"/{_HOLD}/{name}", name, no_copy=True) for name in volumes]
            courier = api.create_container(
                PROBE_IMAGE,
                name=self._courier_name,
                command=["never-run"],
                labels=helper_labels(self.studio_id),
                host_config=api.create_host_config(mounts=mounts, network_mode="none"),
            )["Id"]
        try:
            yield courier
        finally:
            with self.client.api() as api:
                api.remove_container(courier, force=True)


def containers_away(root: Path) -> list[str]:
    """Return the containers that folders of the studio at ``root`` are away for."""
    return [path.stem for path in (root / _AWAY).glob("*.json")]


def _packed(name: str, mount: Folder | Overlay) -> Packed:
    if isinstance(mount, Folder):
        return Packed(mount.source, f"{_HOLD}/{name}", shared=False)
    return Packed(mount.lower, f"{_HOLD}/{name}", shared=True)


def _mount(name: str, mount: Folder | Overlay) -> Mount:
    read_only = isinstance(mount, Folder) and mount.read_only
    return Mount(mount.target, name, type="volume", read_only=read_only, no_copy=True)


def _replace(folder: Path, fresh: Path) -> None:
    """Put ``fresh`` in place of ``folder``, which may be there already or not any more."""
    old = folder.with_name(f".{folder.name}.before")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def remove_volume(api: docker.APIClient, name: str) -> bool:
    """Remove a volume; return False where the engine takes it to be in use without a container.

    So it does with what was mounted while it was restarted with live-restore, until it is restarted
    once more.
    """
    try:
        api.remove_volume(name, force=True)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError as error:
        if "active mounts" not in str(error.explanation):
            raise
        log.warning("The engine keeps a volume until it is restarted: %s", error.explanation)
        return False
    return True
