"""One studio per root, kept so by the operating system."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class LockHeld(Exception):
    """Another process holds the lock; ``pid`` is what it wrote there (0 when not yet)."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"{path} is held by process {pid or 'unknown'}")
        self.pid = pid


class StudioLock:
    """An exclusive ``flock`` that ends with the process, however it ends.

    Children do not inherit it: Python opens files close-on-exec.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> StudioLock:
        """Take the lock at once, or raise :class:`LockHeld`."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid(os.read(descriptor, 32))
            os.close(descriptor)
            raise LockHeld(self.path, pid) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go. The file stays: removing it would let two processes lock two files."""
        if self._descriptor is not None:
            os.truncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


class TwinRuns(Exception):
    """Another studio with the same id runs on this machine: its root is a copy of ours, or ours
    of it. Containers are found by that id, so each would clean up after the other.
    """


@contextmanager
def only_one(studio_id: str) -> Iterator[None]:
    """Be the only studio of this id on this machine. Raises :class:`TwinRuns`.

    A name among Linux's abstract sockets belongs to a process until it ends, however it ends.
    """
    with socket.socket(socket.AF_UNIX) as name:
        if sys.platform == "linux":
            try:
                name.bind(f"\0mlstudio-{studio_id}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise TwinRuns from None
        yield


def _pid(text: bytes) -> int:
    return int(text) if text.strip().isdigit() else 0
