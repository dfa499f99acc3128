"""Building the studio's own images.

An image's tag carries a hash of everything that goes into it, so that what is there already is
not built again. The context has the packages as wheels, fetched here by pip: the host knows its
package index, proxy and certificates; a build does not.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors

from .catalogue import COMMON, HERE, REPOSITORY, RUNTIME, image_for, names, process_command

__all__ = ["BuildError", "Image", "build", "image_for", "list_images", "names", "process_command"]

DEFAULT_BASE = "python:3.11-slim"
LOCAL_BASE = "mlstudio/base:bookworm"
BASE_VARIABLE = "MLSTUDIO_BASE_IMAGE"
PYTHON = "3.11"
"""The Python the wheels are for: that of the default base and of Debian bookworm."""
LABEL = "mlstudio.image"

Progress = Callable[[str], None]

_ARCHITECTURES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
_GLIBC = ("_2_28", "_2_27", "_2_17", "2014")
"""The last stands for all older ones."""
_PACKAGE = "mlstudio_runtime"
_COMMON, _FRAMEWORK = "common", "framework"


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


def build(
    name: str,
    *,
    base: str | None = None,
    gpu: bool = False,
    progress: Progress = lambda line: None,
) -> str:
    """Build an image unless it is here, tag it ``latest``, and return its full tag.

    Parameters
    ----------
    name:
        One of :func:`names`.
    gpu:
        With CUDA, where the framework has such a build: ``requirements-gpu.txt``.
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
    recipe = _Recipe(name, gpu)
    with closing(_client()) as client:
        base = base or os.environ.get(BASE_VARIABLE) or _base_here(client)
        variant = "-gpu" if recipe.gpu else ""
        tag = f"{REPOSITORY}/{name}:{version(name)}{variant}-{recipe.digest(base)}"
        if not _present(client, tag):
            wheels = _wheels(recipe, client.version()["Arch"], progress)
            _run_build(client, recipe, tag, base, wheels, progress)
        client.images.get(tag).tag(f"{REPOSITORY}/{name}", tag="latest")
    progress(f"{tag} is ready")
    return tag


def version(name: str) -> str:
    """Return the version of an image's framework, the first its requirements pin."""
    text = (HERE / name / "requirements.txt").read_text()
    match = re.search(r"^[\w-]+==([\w.]+)", text, re.MULTILINE)
    if not match:
        raise BuildError(f"requirements.txt of image '{name}' pins no version.")
    return match[1]


class _Recipe:
    """What goes into an image beside its base."""

    def __init__(self, name: str, gpu: bool) -> None:
        special = HERE / name / "requirements-gpu.txt"
        self.name = name
        self.gpu = gpu and special.exists()
        self.framework = special if self.gpu else HERE / name / "requirements.txt"

    def inputs(self) -> Iterator[tuple[str, Path]]:
        """Yield (path in the context, file) of all we put in but wheels, in a fixed order."""
        yield "Dockerfile", HERE / "Dockerfile"
        yield f"{_COMMON}/requirements.txt", COMMON
        yield f"{_FRAMEWORK}/requirements.txt", self.framework
        for path in sorted((RUNTIME / _PACKAGE).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(RUNTIME)), path

    def digest(self, base: str) -> str:
        """Return what the image's tag ends with."""
        digest = hashlib.sha256(f"{self.name}\0{base}".encode())
        for inside, path in self.inputs():
            digest.update(f"\0{inside}\0".encode() + path.read_bytes())
        return digest.hexdigest()[:12]


def _described(client: docker.DockerClient, name: str) -> Image:
    found = client.images.list(filters={"label": f"{LABEL}={name}"})
    # Images that users build on ours have the label too.
    ours, latest = f"{REPOSITORY}/{name}:", f"{REPOSITORY}/{name}:latest"
    tagged = [
        (image, tag)
        for image in found
        for tag in image.tags
        if tag.startswith(ours) and tag != latest
    ]
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


def _wheels(recipe: _Recipe, architecture: str, progress: Progress) -> list[tuple[str, Path]]:
    """Fetch the wheels an image needs; return (path in the context, file) of each."""
    machine = _ARCHITECTURES.get(architecture)
    if machine is None:
        raise BuildError(f"There are no wheels for the Docker engine's machine, {architecture}.")
    common = _fetched("common", COMMON, machine, [], progress)
    shared = {path.name for path in common}
    known = ["--constraint", str(COMMON), "--find-links", str(common[0].parent)]
    framework = _fetched(recipe.name, recipe.framework, machine, known, progress)
    return [(f"{_COMMON}/wheels/{path.name}", path) for path in common] + [
        (f"{_FRAMEWORK}/wheels/{path.name}", path) for path in framework if path.name not in shared
    ]


def _fetched(
    name: str, requirements: Path, machine: str, options: Sequence[str], progress: Progress
) -> list[Path]:
    """Return the wheels of a requirements file, fetched once for each version of it."""
    content = requirements.read_bytes() + (COMMON.read_bytes() if options else b"")
    key = hashlib.sha256(content).hexdigest()[:12]
    folder = _cache() / f"{name}-{PYTHON}-{machine}-{key}"
    complete = folder / ".complete"
    if not complete.exists():
        progress(f"Fetching the packages of {name}")
        platforms = [f"--platform=manylinux{glibc}_{machine}" for glibc in _GLIBC]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        command += ["--python-version", PYTHON, "--implementation=cp", *platforms, *options]
        command += ["--dest", str(folder), "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise BuildError(
                f"pip cannot fetch the packages of image '{name}': {last}{_hint(name)}"
            )
        complete.touch()
    return sorted(folder.glob("*.whl"))


def _hint(name: str) -> str:
    if not (HERE / name / "requirements-gpu.txt").exists():
        return ""
    return (
        "\nBuilds without CUDA may be on an index of their own, for PyTorch it is PyTorch's: name "
        "it with PIP_EXTRA_INDEX_URL. With --gpu the image gets the build with CUDA, gigabytes."
    )


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "mlstudio" / "wheels"


def _run_build(
    client: docker.DockerClient,
    recipe: _Recipe,
    tag: str,
    base: str,
    wheels: Sequence[tuple[str, Path]],
    progress: Progress,
) -> None:
    with _context([*recipe.inputs(), *wheels]) as context:
        # The low-level call streams: an image's build takes minutes and must not look stuck.
        steps = client.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base, "FRAMEWORK": recipe.name},
            labels={LABEL: recipe.name},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for step in steps:
            if "error" in step:
                raise BuildError(
                    f"Building image '{recipe.name}' on {base} failed: {step['error']}"
                )
            for line in str(step.get("stream", step.get("status", ""))).splitlines():
                if line.strip():
                    progress(line)


def _context(files: Sequence[tuple[str, Path]]) -> Any:  # noqa: ANN401 - a temporary binary file
    """Return the build context as a tar archive, its times fixed so that layers are reused."""
    import tempfile

    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=file, mode="w") as tar:
        for wheels in (f"{_COMMON}/wheels", f"{_FRAMEWORK}/wheels"):
            folder = tarfile.TarInfo(wheels)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for inside, path in files:
            info = tarfile.TarInfo(inside)
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(info, content)
    file.seek(0, io.SEEK_SET)
    return file
