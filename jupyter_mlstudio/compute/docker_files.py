"""Host folders inside containers: binds, overlays, and what root left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors
from docker.types import Mount

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute.docker_client import DockerClient, helper_labels
from jupyter_mlstudio.compute.docker_volumes import CONTAINER_LABEL, Volumes
from jupyter_mlstudio.compute.paths import PROBE_IMAGE, PathMap, overlay_options
from jupyter_mlstudio.compute.protocol import STUDIO_LABEL, EngineError, Folder, Overlay
from jupyter_mlstudio.compute.trees import copy_tree

HELPER_TIMEOUT = 600
"""Seconds a helper container may work on a tree."""


@dataclass(frozen=True, slots=True)
class Mounts:
    """The mounts of one container; its volumes carry its name."""

    client: DockerClient
    paths: PathMap
    container: str
    studio_id: str
    shared: Sequence[Path] = ()
    """Folders outside of the studio's root that may be mounted, and everything below them."""

    def make(self, mounts: Sequence[Folder | Overlay]) -> list[Mount]:
        """Return Docker's mounts, creating the volumes that overlays and copies need."""
        if self.paths.mode == "none":
            for mount in mounts:
                if isinstance(mount, Folder) and mount.shared:
                    self._shared_path(mount)
            return self._volumes.fill(mounts)
        return [
            self._bind(mount) if isinstance(mount, Folder) else self._overlay(mount, index)
            for index, mount in enumerate(mounts)
        ]

    def remove(self) -> list[str]:
        """Remove the volumes of the container; return those that the engine keeps."""
        return self._volumes.remove()

    def fetch(self, below: Path) -> None:
        """Bring back what the container wrote into folders below ``below`` that are away."""
        self._volumes.fetch(below)

    @property
    def _volumes(self) -> Volumes:
        return Volumes(self.client, self.paths, self.container, self.studio_id)

    def _bind(self, mount: Folder) -> Mount:
        source = self._shared_path(mount) if mount.shared else self.paths.engine_path(mount.source)
        return Mount(mount.target, source, type="bind", read_only=mount.read_only)

    def _shared_path(self, mount: Folder) -> str:
        source = mount.source.resolve()
        if not any(source.is_relative_to(folder.resolve()) for folder in self.shared):
            raise EngineError(f"{mount.source} is in no folder that is shared with jobs.")
        if self.paths.mode != "same":
            raise EngineError(
                f"The container engine does not see {mount.source} where the studio does."
            )
        return str(source)

    def _overlay(self, mount: Overlay, index: int) -> Mount:
        if not self.paths.overlay:
            copy = mount.scratch / "copy"
            mount.scratch.mkdir(parents=True, exist_ok=True)
            copy_tree(mount.lower, copy)
            return Mount(mount.target, self.paths.engine_path(copy), type="bind")
        upper, work = mount.scratch / "upper", mount.scratch / "work"
        for folder in (upper, work):
            folder.mkdir(parents=True, exist_ok=True)
        upper.chmod(0o777)
        name = f"{self.container}-{index}"
        layers = [self.paths.engine_path(path) for path in (mount.lower, upper, work)]
        with self.client.api() as api:
            api.create_volume(
                name,
                driver="local",
                driver_opts=overlay_options(*layers),
                labels={STUDIO_LABEL: self.studio_id, CONTAINER_LABEL: self.container},
            )
        return Mount(mount.target, name, type="volume", no_copy=True)


@dataclass(frozen=True, slots=True)
class HelperContainer:
    """Work on folders that belong to root, done by root in a container.

    Any image with a shell will do; a container that wrote the files came from one, mostly.
    """

    client: DockerClient
    studio_id: str

    def run(self, folder: str, script: str, argument: str) -> None:
        """Run ``script`` as root with the engine's ``folder`` at ``/tree``, ``argument`` as $0."""
        tried = []
        with self.client.api() as api:
            for image in _candidates(api):
                try:
                    self._run(api, image, folder, script, argument)
                except (docker.errors.APIError, EngineError) as error:
                    tried.append(f"{image}: {error}")
                else:
                    return
        raise EngineError(
            f"Files in {folder} belong to another user, and no image on this engine could help "
            f"({'; '.join(tried) or 'there is none'}). Run `sudo chown -R $USER {folder}`."
        )

    def _run(
        self, api: docker.APIClient, image: str, folder: str, script: str, argument: str
    ) -> None:
        config = api.create_host_config(
            mounts=[Mount("/tree", folder, type="bind")],
            network_mode="none",
            security_opt=["no-new-privileges"],
        )
        container = api.create_container(
            image,
            entrypoint=["sh", "-c", script, argument],
            command=[],
            user="0",
            labels=helper_labels(self.studio_id),
            host_config=config,
        )["Id"]
        try:
            reached("docker.helping")
            api.start(container)
            code = api.wait(container, timeout=HELPER_TIMEOUT)["StatusCode"]
            if code:
                raise EngineError(api.logs(container).decode("utf-8", "replace").strip())
        finally:
            api.remove_container(container, force=True, v=True)


def _candidates(api: docker.APIClient) -> list[str]:
    tags = [tag for image in api.images() for tag in image["RepoTags"] or []]
    usable = [tag for tag in tags if tag not in (PROBE_IMAGE, "<none>:<none>")]
    return sorted(usable, key=lambda tag: "mlstudio" not in tag)[:5]
