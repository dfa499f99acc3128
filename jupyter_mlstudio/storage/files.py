"""Bodies of objects as plain files, and the cheapest way to have one file twice."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from .._failpoints import reached

_FICLONE = 0x40049409
_COPY_STEP = 64 << 20
_RESERVE = 64 << 20
# The store's own folder keeps others out; containers read linked bodies as whatever user they run.
_BODY_MODE = 0o644


class ObjectFiles:
    """Where the bodies lie: ``data/ab/<id>`` once published, ``incoming/<id>`` until then.

    Ids are random hexadecimal names: nothing a client says ever becomes part of a path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.incoming = root / "incoming"

    def prepare(self) -> None:
        """Make the folders, and forget uploads that a crash cut short."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(parents=True)
        for number in range(256):
            (self.data / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        sync_folder(self.data)

    def path(self, file: str) -> Path:
        """Return where the published file lies."""
        return self.data / file[:2] / file

    def check_space(self, size: int) -> None:
        """Raise ``ENOSPC`` if a body of ``size`` bytes would take what deleting objects needs.

        Journal and catalogue grow by every change, deletions too, so bodies never get the last of
        a disk.
        """
        disk = os.statvfs(self.root)
        reserve = min(_RESERVE, disk.f_blocks * disk.f_frsize // 8)
        if disk.f_bavail * disk.f_frsize - size < reserve:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.root))

    def new(self) -> Incoming:
        """Start a file."""
        file = secrets.token_hex(16)
        return Incoming(self, file, self.incoming / file)

    def remove(self, files: Iterable[str]) -> None:
        """Delete published files; one that is gone already is no error."""
        for file in files:
            self.path(file).unlink(missing_ok=True)

    def ids(self) -> Iterator[str]:
        """Yield the id of every published file."""
        for folder in sorted(self.data.iterdir()):
            yield from (entry.name for entry in os.scandir(folder))


class Incoming:
    """A file on its way in: write, then :meth:`publish` or :meth:`discard`.

    Attributes
    ----------
    id:
        Name of the file, before and after it is published.
    size:
        Bytes written so far.
    path:
        Where it is until it is published.
    """

    def __init__(self, files: ObjectFiles, file: str, path: Path) -> None:
        self.id = file
        self.size = 0
        self._files = files
        self.path = path
        self._target = files.path(file)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _BODY_MODE)
        os.fchmod(self._descriptor, _BODY_MODE)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``."""
        self._files.check_space(len(data))
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]

    def append_file(self, source: Path, offset: int = 0, count: int | None = None) -> None:
        """Append ``count`` bytes (default: all) of ``source`` without moving them through us.

        Raises
        ------
        EOFError
            If the source is shorter than that.
        """
        with source.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - offset if count is None else count
            self._files.check_space(left)
            while left:
                copied = _copy_range(file.fileno(), self._descriptor, min(left, _COPY_STEP), offset)
                if not copied:
                    raise EOFError(f"{source} is shorter than expected")
                left -= copied
                offset += copied
                self.size += copied

    def publish(self) -> None:
        """Make the file durable under its final name; nobody writes to it from here on."""
        os.fsync(self._descriptor)
        self._close()
        reached("s3.body.synced")
        self.path.rename(self._target)
        sync_folder(self._target.parent)
        reached("s3.body.published")

    def share(self, source: Path) -> None:
        """Become, already published, the same bytes as ``source``, by a link where possible."""
        self.path.unlink()
        self.size = duplicate(source, self._target)
        os.close(self._descriptor)
        self._descriptor = os.open(self._target, os.O_RDONLY)
        os.fsync(self._descriptor)
        self._close()
        sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove the file, published or not."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._target.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def duplicate(source: Path, destination: Path) -> int:
    """Make ``destination`` hold the bytes of ``source`` and return how many they are.

    A hard link where the file system allows it, else a reflink, else a copy.

    Raises
    ------
    FileExistsError
        If there is something at ``destination``.
    """
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP):
            raise
        _clone_or_copy(source, destination)
    return destination.stat().st_size


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clone_or_copy(source: Path, destination: Path) -> None:
    with source.open("rb") as reader, destination.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError:
            shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        with contextlib.suppress(OSError):  # not every file system keeps times
            stat = os.fstat(reader.fileno())
            os.utime(writer.fileno(), ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _copy_range(source: int, destination: int, count: int, offset: int) -> int:
    try:
        return os.copy_file_range(source, destination, count, offset)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return os.write(destination, os.pread(source, min(count, 1 << 20), offset))
