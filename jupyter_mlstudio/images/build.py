"""Building the studio's own images.

An image's tag carries a hash of everything that goes into it, so that what is there already is
not built again. The context has the packages as wheels, fetched here by pip: the host knows its
package index, proxy and certificates; a build does not.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors

from .catalogue import HERE, REPOSITORY, RUNTIME, image_for, names, process_command

__all__ = ["BuildError", "Image", "build", "image_for", "list_images", "names", "process_command"]

DEFAULT_BASE = "python:3.11-slim"
LOCAL_BASE = "mlstudio/base:bookworm"
BASE_VARIABLE = "MLSTUDIO_BASE_IMAGE"
PYTHON = "3.11"
"""The Python the wheels are for: that of the default base and of Debian bookworm."""
LABEL = "mlstudio.image"

Progress = Callable[[str], None]

_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
_GLIBC = ("2_28", "2_27", "2_17")
_PACKAGE = "mlstudio_runtime"


class BuildError(Exception):
    """An image cannot be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image we can build. ``tag`` is the newest one built here, None where there is none."""

    name: str
    version: str
    tag: str | None = None
    size: int | None = None
    """Bytes."""

    def __str__(self) -> str:
        built = f"{self.tag}, {self.size / 1e6:.0f} MB" if self.tag and self.size else "not built"
        return f"{self.name} {self.version}: {built}"


def list_images() -> list[Image]:
    """Return the images we can build, and which of them are here.

    Without a Docker engine all of them are shown as not built.
    """
    try:
        with closing(_client()) as client:
            return [_described(client, name) for name in names()]
    except BuildError:
        return [Image(name, version(name)) for name in names()]


def build(name: str, *, base: str | None = None, progress: Progress = lambda line: None) -> str:
    """Build an image unless it is here, tag it ``latest``, and return its full tag.

    Parameters
    ----------
    name:
        One of :func:`names`.
    base:
        Image to build on, with Python 3.11 or a bare Debian bookworm. Without it that is
        ``MLSTUDIO_BASE_IMAGE``, else the image of ``scripts/base-image`` where it has been made,
        else ``python:3.11-slim``.
    progress:
        Called with each line of the build's output.

    Raises
    ------
    BuildError
        There is no such image, no Docker engine, or the build failed.
    """
    if name not in names():
        raise BuildError(f"There is no image '{name}'. There are: {', '.join(names())}.")
    with closing(_client()) as client:
        base = base or os.environ.get(BASE_VARIABLE) or _base_here(client)
        tag = f"{REPOSITORY}/{name}:{version(name)}-{_hash(name, base)}"
        if not _present(client, tag):
            wheels = _wheels(name, client.version()["Arch"], progress)
            _run_build(client, name, tag, base, wheels, progress)
        client.images.get(tag).tag(f"{REPOSITORY}/{name}", tag="latest")
    progress(f"{tag} is ready")
    return tag


def version(name: str) -> str:
    """Return the version of the framework an image is named after, from its requirements."""
    match = re.search(rf"^{name}\S*==(\S+)$", (HERE / name / "requirements.txt").read_text(), re.M)
    if not match:
        raise BuildError(f"requirements.txt of image '{name}' does not pin {name}.")
    return match[1]


def _described(client: docker.DockerClient, name: str) -> Image:
    found = client.images.list(filters={"label": f"{LABEL}={name}"})
    tagged = [(image, tag) for image in found for tag in image.tags if not tag.endswith(":latest")]
    if not tagged:
        return Image(name, version(name))
    image, tag = max(tagged, key=lambda pair: str(pair[0].attrs["Created"]))
    return Image(name, version(name), tag, int(image.attrs["Size"]))


def _client() -> docker.DockerClient:
    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except docker.errors.DockerException as error:
        raise BuildError(f"There is no Docker engine to build images with: {error}") from error
    return client


def _base_here(client: docker.DockerClient) -> str:
    return LOCAL_BASE if _present(client, LOCAL_BASE) else DEFAULT_BASE


def _present(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _inputs(name: str) -> Iterator[tuple[str, Path]]:
    """Yield (path in the context, file) of all we put in, in a fixed order."""
    for path in sorted((HERE / name).iterdir()):
        if path.is_file():
            yield path.name, path
    for path in sorted((RUNTIME / _PACKAGE).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(RUNTIME)), path


def _hash(name: str, base: str) -> str:
    digest = hashlib.sha256(base.encode())
    for inside, path in _inputs(name):
        digest.update(f"\0{inside}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _wheels(name: str, architecture: str, progress: Progress) -> Path:
    """Fetch the wheels an image needs, once for each version of its requirements."""
    requirements = HERE / name / "requirements.txt"
    machine = _ARCHITECTURES.get(architecture)
    if machine is None:
        raise BuildError(f"There are no wheels for the Docker engine's machine, {architecture}.")
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = _cache() / f"{name}-{PYTHON}-{machine}-{key}"
    complete = folder / ".complete"
    if complete.exists():
        return folder
    progress(f"Fetching the packages of {name}")
    platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in _GLIBC]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += ["--python-version", PYTHON, "--implementation=cp", *platforms]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise BuildError(f"pip cannot fetch the packages of image '{name}': {last}")
    complete.touch()
    return folder


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "mlstudio" / "wheels"


def _run_build(
    client: docker.DockerClient, name: str, tag: str, base: str, wheels: Path, progress: Progress
) -> None:
    with _context(name, wheels) as context:
        # The low-level call streams: an image's build takes minutes and must not look stuck.
        steps = client.api.build(
            fileobj=context,
            custom_context=True,
            encoding="gzip",
            tag=tag,
            buildargs={"BASE": base},
            labels={LABEL: name},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for step in steps:
            if "error" in step:
                raise BuildError(f"Building image '{name}' on {base} failed: {step['error']}")
            for line in str(step.get("stream", step.get("status", ""))).splitlines():
                if line.strip():
                    progress(line)


def _context(name: str, wheels: Path) -> Any:  # noqa: ANN401 - a temporary binary file
    """Return the build context as a tar archive, its times fixed so that layers are reused."""
    import tempfile

    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        folder = tarfile.TarInfo("wheels")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        files = [*_inputs(name), *((f"wheels/{p.name}", p) for p in sorted(wheels.glob("*.whl")))]
        for inside, path in files:
            info = tarfile.TarInfo(inside)
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(info, content)
    file.seek(0, io.SEEK_SET)
    return file
