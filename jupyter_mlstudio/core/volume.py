"""The file systems that folders of a studio lie on."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from ..wire.errors import AWSError
from .settings import Settings

_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "fuse.sshfs",
    "9p",
    "glusterfs",
    "lustre",
    "ceph",
    "afs",
    "beegfs",
)


def file_system(path: Path) -> str:
    """Return the type of the file system that holds ``path`` (or would), as the kernel calls it."""
    path = path.absolute()
    mounts = [
        (Path(part.mountpoint), part.fstype)
        for part in psutil.disk_partitions(all=True)
        if path.is_relative_to(part.mountpoint)
    ]
    # Of several mounts on one folder, the last is the one that is seen.
    deepest = max((len(mount.parts) for mount, _ in mounts), default=0)
    return next((kind for at, kind in reversed(mounts) if len(at.parts) == deepest), "unknown")


def is_network(kind: str) -> bool:
    """Say whether a type of file system is one that other machines may have open too."""
    return kind.startswith(_NETWORK)


LEAST = 64 << 20
"""Bytes that each disk of a studio has to have free for something new to start."""


def check_room(settings: Settings) -> None:
    """Refuse to start what would soon meet a full disk, and could not even be recorded.

    Raises ``ResourceLimitExceeded``.
    """
    for name in ("db", "jobs", "logs", "objects"):
        folder = settings.root / name
        if not folder.exists():
            continue
        found = os.statvfs(folder)
        free = found.f_bavail * found.f_frsize
        if free < LEAST:
            raise AWSError(
                "ResourceLimitExceeded",
                f"There is no space left for it: the disk of {name}/ in the studio's root has "
                f"{free >> 20} MiB free, and {LEAST >> 20} MiB are kept for what runs. Free some "
                "space, then try again.",
            )
