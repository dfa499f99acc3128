"""The file systems that folders of a studio lie on."""

from __future__ import annotations

from pathlib import Path

import psutil

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
