"""A container's file system and environment for a plain process, below a base folder.

``/opt/ml`` becomes ``base/opt/ml``: programs that keep to ``SAGEMAKER_BASE_DIR`` and the ``SM_*``
variables find everything there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_mlstudio.compute.protocol import ContainerSpec, EngineError, Folder, Overlay
from jupyter_mlstudio.compute.trees import copy_tree

CONTRACT = "/opt/ml"
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""All a process gets of our own environment: none of the user's credentials or settings."""
MARK = "MLSTUDIO_CONTAINER"
"""Variable that names the container a process belongs to."""


def place_mounts(spec: ContainerSpec) -> None:
    """Put every mount where the process will look for it; done once, however often called."""
    for mount in sorted(spec.mounts, key=lambda mount: mount.target):
        target = spec.base / mount.target.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(mount, Folder):
            _link(mount, target)
        else:
            _copy(mount, target)
    for folder in ("tmp", "root", CONTRACT.lstrip("/")):
        (spec.base / folder).mkdir(parents=True, exist_ok=True)


def environment(spec: ContainerSpec, extra: Mapping[str, str], port: int | None) -> dict[str, str]:
    """Return the process's whole environment; ``extra`` is what its program needs to run."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    home = {"HOME": str(spec.base / "root"), "TMPDIR": str(spec.base / "tmp")}
    given = {name: _translate(name, value, spec.base) for name, value in spec.environment.items()}
    ours = {"SAGEMAKER_BASE_DIR": str(spec.base / CONTRACT.lstrip("/")), MARK: spec.name}
    serving = {"SAGEMAKER_BIND_TO_PORT": str(port)} if port else {}
    return {**inherited, **home, **extra, **given, **ours, **serving}


def arguments(argv: Sequence[str], base: Path) -> list[str]:
    """Return ``argv`` with paths of the contract moved below ``base``."""
    return [_below(value, base) for value in argv]


def _translate(name: str, value: str, base: Path) -> str:
    return _below(value, base) if name.startswith(("SM_", "SAGEMAKER_")) else value


def _below(value: str, base: Path) -> str:
    inside = value == CONTRACT or value.startswith(f"{CONTRACT}/")
    return f"{base}{value}" if inside else value


def _link(mount: Folder, target: Path) -> None:
    if mount.shared and mount.read_only:
        raise EngineError(
            f"{mount.source} is to be read only, and a plain process cannot be kept from writing: "
            "use a container engine, or FileSystemAccessMode rw."
        )
    if target.exists() and target.samefile(mount.source):
        return
    _make_way(target)
    target.symlink_to(mount.source, target_is_directory=True)


def _copy(mount: Overlay, target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        return
    _make_way(target)
    copy_tree(mount.lower, target)


def _make_way(target: Path) -> None:
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        try:
            target.rmdir()
        except OSError as error:
            raise EngineError(f"Cannot put a mount at {target}: {error.strerror}.") from error
