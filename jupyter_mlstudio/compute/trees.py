"""Copies of directory trees, sharing blocks where the file system can."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

_FICLONE = 0x40049409
"""ioctl that makes a file share another's blocks (linux/fs.h)."""


def copy_tree(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target`` unless that is done already; writable by everyone.

    The copy appears under its name in one step, so an interrupted one is never taken for whole.
    """
    if target.exists():
        return
    unfinished = target.with_name(f".{target.name}.copying")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, copy_function=clone_file, symlinks=True)
    unfinished.chmod(0o777)
    unfinished.rename(target)


def clone_file(source: str, target: str) -> None:
    """Copy a file by reference (reflink), else its bytes."""
    with open(source, "rb") as reader, open(target, "wb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
    os.chmod(target, os.stat(source).st_mode | 0o200)


def make_readable(path: Path) -> None:
    """Give the owner of everything below ``path`` the right to read and delete it.

    Raises PermissionError where something belongs to another user.
    """
    for folder, _, files in os.walk(path, onerror=_raise):
        _allow(folder, 0o700)
        for name in files:
            _allow(os.path.join(folder, name), 0o400)


def _allow(path: str, bits: int) -> None:
    found = os.lstat(path)
    if (found.st_mode & bits) == bits and os.access(path, os.R_OK):
        return
    if not os.path.islink(path):
        os.chmod(path, found.st_mode | bits)


def _raise(error: OSError) -> None:
    raise error
