"""What the engine sees of our files: the same paths, other paths, or nothing.

An engine next to us sees what we see. One on the host of our own container sees our folders
elsewhere; one in a virtual machine or on another computer may see none of them. This is found
out, not guessed: a container that is never started mounts a folder of ours, and the engine is
asked for what lies in it. The same is done with an overlay.
"""

from __future__ import annotations

import io
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors
from docker.types import DriverConfig, Mount

from jupyter_mlstudio._drafts import draft_of
from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute.docker_client import DockerClient, helper_labels
from jupyter_mlstudio.compute.docker_self import own_container
from jupyter_mlstudio.compute.protocol import EngineError

PROBE_IMAGE = "mlstudio-probe:1"
SHARING = (
    "Put the studio's root in a folder that is shared with the engine (Docker Desktop: Settings, "
    "Resources, File sharing; Jupyter in a container: a bind mount or a volume)."
)
_TOKEN = "token"  # noqa: S105 - a file name


@dataclass(frozen=True, slots=True)
class PathMap:
    """Where the engine finds our files.

    ``mode`` is ``same`` (under our own paths), ``mapped`` (``ours`` is its ``theirs``) or
    ``none`` (files are copied into and out of its volumes). ``overlay`` says whether it can mount
    overlays of them.
    """

    mode: str
    ours: Path
    theirs: Path
    overlay: bool

    def relative(self, path: Path) -> Path:
        """Return ``path`` relative to the root; raises EngineError where it leads out of it."""
        resolved = path.resolve()
        if not resolved.is_relative_to(self.ours):
            raise EngineError(f"{path} is outside the studio's root {self.ours}: not mounted.")
        return resolved.relative_to(self.ours)

    def engine_path(self, path: Path) -> str:
        """Return the engine's path of a file of ours below the root."""
        relative = self.relative(path)
        if self.mode == "none":
            raise EngineError(f"The container engine cannot see {self.ours}. {SHARING}")
        return str(self.theirs / relative)


def overlay_options(lower: str, upper: str, work: str) -> dict[str, str]:
    """Return the options of a ``local`` volume that mounts an overlay."""
    layers = f"lowerdir={_escape(lower)},upperdir={_escape(upper)},workdir={_escape(work)}"
    return {"type": "overlay", "device": "overlay", "o": layers}


def probe_paths(client: DockerClient, root: Path, studio_id: str) -> PathMap:
    """Find out how the engine sees ``root`` (absolute, resolved) of a studio."""
    folder = draft_of(root / "run" / "probe")
    labels = helper_labels(studio_id)
    token = secrets.token_hex(16)
    try:
        for part in ("lower", "upper", "work"):
            (folder / part).mkdir(parents=True)
        (folder / "lower" / _TOKEN).write_text(token)
        with client.api() as api:
            return _probe(api, root, folder.relative_to(root), token, labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _probe(
    api: docker.APIClient, root: Path, folder: Path, token: str, labels: dict[str, str]
) -> PathMap:
    make_probe_image(api)
    candidates = [("same", root), *(("mapped", path) for path in _own_mounts(api, root))]
    for mode, theirs in candidates:
        bind = Mount("/probe", str(theirs / folder / "lower"), type="bind", read_only=True)
        if _reads(api, [bind], token, labels):
            overlay = _overlays(api, str(theirs / folder), token, labels)
            return PathMap(mode, root, theirs, overlay)
    return PathMap("none", root, root, overlay=False)


def _overlays(api: docker.APIClient, folder: str, token: str, labels: dict[str, str]) -> bool:
    options = overlay_options(f"{folder}/lower", f"{folder}/upper", f"{folder}/work")
    name = f"mlstudio-probe-{token[:8]}"
    driver = DriverConfig("local", options)
    try:
        mount = Mount("/probe", name, driver_config=driver, no_copy=True, labels=labels)
        return _reads(api, [mount], token, labels)
    finally:
        with suppress(docker.errors.APIError):
            api.remove_volume(name, force=True)


def _reads(
    api: docker.APIClient, mounts: Sequence[Mount], token: str, labels: dict[str, str]
) -> bool:
    try:
        with _probe_container(api, mounts, labels) as container:
            chunks, _ = api.get_archive(container, f"/probe/{_TOKEN}")
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.extractfile(_TOKEN)
                return member is not None and member.read().decode() == token
    except docker.errors.APIError:
        return False


@contextmanager
def _probe_container(
    api: docker.APIClient, mounts: Sequence[Mount], labels: dict[str, str]
) -> Iterator[str]:
    config = api.create_host_config(mounts=list(mounts), network_mode="none")
    container = api.create_container(
        PROBE_IMAGE, command=["never-run"], host_config=config, labels=labels
    )["Id"]
    try:
        reached("docker.probing")
        yield container
    finally:
        api.remove_container(container, force=True, v=True)


def make_probe_image(api: docker.APIClient) -> None:
    """Have the empty image of containers that never run."""
    try:
        api.inspect_image(PROBE_IMAGE)  # type: ignore[no-untyped-call]  # the stubs have none
    except docker.errors.ImageNotFound:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            folder = tarfile.TarInfo("probe")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        repository, tag = PROBE_IMAGE.split(":")
        api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)


def _own_mounts(api: docker.APIClient, root: Path) -> list[Path]:
    """Return where the mounts of our own container would put ``root`` on the engine's host."""
    container = own_container(api)
    mounts = container["Mounts"] if container else []
    return [
        Path(mount["Source"]) / root.relative_to(mount["Destination"])
        for mount in sorted(mounts, key=lambda mount: len(mount["Destination"]), reverse=True)
        if root.is_relative_to(mount["Destination"])
    ]


def _escape(path: str) -> str:
    for special in ("\\", ":", ","):
        path = path.replace(special, f"\\{special}")
    return path
