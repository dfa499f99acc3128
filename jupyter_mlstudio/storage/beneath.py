"""Files below a folder that somebody else may change meanwhile: no link ever leads out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FileBeneath:
    """A regular file: ``path`` below the folder, ``size`` in bytes, ``modified`` in ns."""

    path: str
    size: int
    modified: int


def files_beneath(base: Path, relative: str) -> Iterator[FileBeneath]:
    """Yield the regular files below ``base/relative`` by path; links and devices are left out.

    A folder that is not there, or is a link, has none. ``base`` itself is trusted. What cannot be
    read is left out as well.
    """
    with _opened(base, relative) as top:
        if top is None:
            return
        for folder, folders, names, descriptor in os.fwalk(".", dir_fd=top):
            folders.sort()
            for name in sorted(names):
                try:
                    state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if S_ISREG(state.st_mode):
                    path = os.path.normpath(os.path.join(folder, name))
                    yield FileBeneath(path, state.st_size, state.st_mtime_ns)


@contextmanager
def open_beneath(base: Path, relative: str) -> Iterator[BinaryIO]:
    """Open a regular file below ``base`` for reading, following no link on the way.

    Raises
    ------
    OSError
        It is gone, cannot be read, or something on the way is a link now.
    """
    path = PurePosixPath(relative)
    with _opened(base, str(path.parent)) as folder:
        if folder is None:
            raise FileNotFoundError(relative)
        with os.fdopen(os.open(path.name, _FILE, dir_fd=folder), "rb") as file:
            if not S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotFoundError(f"{relative} is no file")
            yield file


@contextmanager
def _opened(base: Path, relative: str) -> Iterator[int | None]:
    """Give a descriptor of a folder below ``base``, None where there is no such folder."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in PurePosixPath(relative.lstrip("/")).parts:
            if part == "..":
                raise ValueError(f"{relative!r} leads out of its folder")
            try:
                below = os.open(part, _FOLDER, dir_fd=descriptor)
            except OSError:
                yield None
                return
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)
