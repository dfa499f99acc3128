"""Folders as tar streams, to and from an engine that does not see our files.

What comes back was written by a container, and so may be hostile: nothing is ever written through
a link or outside of its folder.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jupyter_mlstudio.compute.protocol import EngineError

log = logging.getLogger(__name__)

STEP = 1 << 20
ROOM = 256 << 20
"""Bytes that stay free on our disk whatever a container wrote; an eighth of it, where small."""
_END = 2 * tarfile.BLOCKSIZE
_SHOWN = 10
_LAST_TIME = 2**33
_NOT_A_NAME_HERE = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Packed:
    """A folder of ours and its ``name`` in the archive.

    With ``shared``, whoever reads the archive may read everything and add to the folder.
    """

    folder: Path
    name: str
    shared: bool


def pack(parts: Iterable[Packed]) -> Iterator[bytes]:
    """Give a tar of folders in steps of a megabyte.

    Owners and modes are kept, links are kept as links; devices, FIFOs and sockets are left out.

    Raises
    ------
    EngineError
        A file cannot be read, or changed while it was.
    """
    waiting = bytearray()
    for piece in _pieces(parts):
        waiting += piece
        if len(waiting) >= STEP:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting) + bytes(_END)


def unpack(stream: IO[bytes], destination: Path) -> None:
    """Unpack a tar of one folder into the new folder ``destination``, readable to us.

    Files keep their bytes, times and permissions, with those added that others need to read them.
    Links are kept where they stay inside; other links, devices, FIFOs and names that this file
    system does not take are left out with a warning.

    Raises
    ------
    EngineError
        The archive breaks off (retryable), or there is no room for it.
    """
    destination.mkdir()
    destination.chmod(0o755)
    missing = []
    try:
        counted = _Counted(stream)
        # tarfile only ever reads.
        with tarfile.open(fileobj=counted, mode="r|", bufsize=STEP) as archive:  # type: ignore[call-overload]
            place = _Place(archive, destination)
            for member in archive:
                archive.members.clear()  # it would keep every one of them in memory
                if problem := place.put(member):
                    missing.append(f"{member.name[:200]!r} {problem}")
                    del missing[_SHOWN:]
            counted.expect_end(archive.offset)
    except (tarfile.TarError, EOFError) as error:
        raise EngineError(f"The engine's archive breaks off: {error}", retryable=True) from error
    if missing:
        log.warning("Not copied from a container: %s", "; ".join(missing))


def _pieces(parts: Iterable[Packed]) -> Iterator[bytes]:
    for part in parts:
        try:
            yield from _entry(part.folder, part.name, 0o777 if part.shared else 0)
            yield from _content(part.folder, part.name, 0o444 if part.shared else 0)
        except OSError as error:
            # An OSError of ours would pass for one of the connection.
            raise EngineError(f"Cannot copy {part.folder} to the engine: {error}") from error


def _content(folder: Path, prefix: str, added: int) -> Iterator[bytes]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path, name = Path(entry.path), f"{prefix}/{entry.name}"
        yield from _entry(path, name, added)
        if entry.is_dir(follow_symlinks=False):
            yield from _content(path, name, added)


def _entry(path: Path, name: str, added: int) -> Iterator[bytes]:
    found = path.lstat()
    info = tarfile.TarInfo(name)
    info.uid, info.gid, info.mtime = found.st_uid, found.st_gid, int(found.st_mtime)
    info.mode = stat.S_IMODE(found.st_mode) | added
    if stat.S_ISREG(found.st_mode):
        info.size = found.st_size
        yield info.tobuf(tarfile.PAX_FORMAT)
        yield from _bytes(path, info.size)
        return
    if stat.S_ISDIR(found.st_mode):
        info.type = tarfile.DIRTYPE
        info.mode |= 0o111 if added else 0
    elif stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
    else:
        log.warning("Not copied, neither a file nor a folder nor a link: %s", path)
        return
    yield info.tobuf(tarfile.PAX_FORMAT)


def _bytes(path: Path, size: int) -> Iterator[bytes]:
    """Give exactly ``size`` bytes of a file, and what a tar puts behind them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        left = size
        while left:
            data = file.read(min(STEP, left))
            if not data:
                raise EngineError(f"{path} changed while it was copied.", retryable=True)
            left -= len(data)
            yield data
    yield bytes(-size % tarfile.BLOCKSIZE)


class _Counted:
    """A stream that knows how much of it was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count += len(data)
        return data

    def expect_end(self, position: int) -> None:
        """Read on to the end; tarfile takes a missing end, at ``position``, for one."""
        while self.read(STEP):
            continue
        if self._count < position + _END:
            raise EOFError("it has no end")


class _Place:
    """Where the entries of one archive go; only real folders made here are ever entered."""

    def __init__(self, archive: tarfile.TarFile, destination: Path) -> None:
        self._archive = archive
        self._destination = destination
        self._folders = {""}

    def put(self, member: tarfile.TarInfo) -> str | None:
        """Put an entry where it belongs, or say why it is left out."""
        name = _inside(member.name)
        if not name:
            return None if member.isdir() and name == "" else "has no name below its folder"
        if name.rpartition("/")[0] not in self._folders:
            return "is in no folder of the archive"
        try:
            return self._put(member, name)
        except FileExistsError:
            return "is there twice"
        except OSError as error:
            if error.errno not in _NOT_A_NAME_HERE:
                raise
            return "cannot be a name here"

    def _put(self, member: tarfile.TarInfo, name: str) -> str | None:
        target = self._destination / name
        if member.isdir():
            target.mkdir()
            target.chmod(member.mode & 0o777 | 0o755)
            self._folders.add(name)
        elif member.isreg():
            self._write(member, target)
        elif member.issym():
            if not _stays_inside(name, member.linkname):
                return f"is a link to {member.linkname[:200]!r}, outside of its folder"
            target.symlink_to(member.linkname)
        elif member.islnk():
            return self._link(_inside(member.linkname), target)
        else:
            return "is a device, a FIFO or of an unknown kind"
        return None

    def _write(self, member: tarfile.TarInfo, target: Path) -> None:
        disk = shutil.disk_usage(self._destination)
        if member.size > disk.free - min(ROOM, disk.total // 8):
            raise EngineError(
                f"There is no room for {member.name!r} ({member.size} bytes), which a container "
                f"wrote, at {self._destination.parent}: delete something there."
            )
        source = self._archive.extractfile(member)
        if source is None:
            raise tarfile.ReadError(f"{member.name!r} has no content")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, STEP)
            file.flush()
            time = min(max(member.mtime, 0), _LAST_TIME)
            os.utime(file.fileno(), (time, time))
            os.fchmod(file.fileno(), member.mode & 0o777 | 0o644)
            if file.tell() != member.size:
                raise EOFError(f"{member.name!r} is cut short")

    def _link(self, original: str | None, target: Path) -> str | None:
        """Make ``target`` a second name of a file that came before."""
        if not original or original.rpartition("/")[0] not in self._folders:
            return "is a link to nothing in the archive"
        source = self._destination / original
        if source.is_symlink() or not source.is_file():
            return "is a link to no file of the archive"
        os.link(source, target, follow_symlinks=False)
        return None


def _inside(name: str) -> str | None:
    """Return a name without the archive's own folder; None if it is none below a folder."""
    parts = name.rstrip("/").split("/")
    good = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
    return "/".join(parts[1:]) if good else None


def _stays_inside(name: str, target: str) -> bool:
    """Say whether a link may climb first, at most to the top, and then only descends.

    A ``..`` behind a name could climb from wherever another link leads.
    """
    segments = target.split("/")
    climbs = 0
    while segments and segments[0] in ("..", "."):
        climbs += segments.pop(0) == ".."
    absolute = target.startswith("/") or not target
    return not absolute and ".." not in segments and climbs <= name.count("/")
