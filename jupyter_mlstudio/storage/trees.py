"""Folders made from objects, and objects made from folders.

Names in here come from object keys and from archives that anybody may have made: each is checked
before it becomes a path, and nothing is ever written through a link.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from isal import igzip

from .._drafts import draft_of
from .._failpoints import reached
from .files import duplicate, sync_folder

log = logging.getLogger(__name__)

_STEP = 1 << 20
_MAX_SEGMENT = 255
_MAX_PATH = 2048
_GRACE = 256 << 20
_COMPRESSION = 2
# Whoever a container runs as has to read it, whatever our umask is.
_FOLDER_MODE = 0o755


class UnsafeArchive(ValueError):
    """An archive is not what it says or tries what it must not; the message says which."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold: entries, bytes once unpacked, and bytes per compressed byte.

    The ratio counts from 256 MiB on.
    """

    entries: int = 200_000
    size: int = 256 << 30
    ratio: int = 300


DEFAULT_LIMITS = Limits()


def link_tree(objects: Iterable[tuple[str, Path]], destination: Path) -> Path:
    """Make a folder of hard links and return it; an existing ``destination`` is left as it is.

    Where files cannot be linked they are cloned, else copied. The links share the bytes of the
    objects: mount the folder read-only or below an overlay.

    Parameters
    ----------
    objects:
        Path relative to ``destination``, with ``/`` between segments, and the file to put there.
        Empty objects whose path ends in ``/`` (folder markers) are skipped.

    Raises
    ------
    ValueError
        If a path could leave the folder, cannot be a file name, or is both a file and a folder;
        the message names it.
    FileNotFoundError
        If a source is gone.
    """
    if destination.exists():
        return destination
    with _growing(destination) as folder:
        files: set[str] = set()
        folders = {""}
        for relative, source in objects:
            if (not relative or relative.endswith("/")) and not source.stat().st_size:
                continue
            check_relative(relative)
            if relative in files:
                raise ValueError(f"{relative!r} is there twice")
            if relative in folders:
                raise ValueError(f"{relative!r} is both a file and a folder of other files")
            _add_folders(folder, relative, files, folders)
            duplicate(source, folder / relative)
            files.add(relative)
    return destination


def check_relative(relative: str) -> None:
    """Raise a ValueError that names ``relative`` unless it is a path below a folder.

    Absolute paths, ``.`` and ``..``, empty segments, backslashes, NUL, what is not UTF-8 and names
    too long for a file system are refused.
    """
    problem = _problem(relative)
    if problem:
        raise ValueError(f"{relative[:300]!r} cannot be a file name: {problem}")


def tar_gz(folder: Path, file: Path) -> None:
    """Pack what is in ``folder`` into ``file``, a gzipped tar, as model.tar.gz is one.

    Entries are sorted and belong to root, so equal folders give equal archives. Links are kept as
    links, never followed; sockets, FIFOs and devices are left out. ``file`` appears, durably, when
    it is whole.
    """
    temporary = draft_of(file)
    try:
        with temporary.open("xb") as raw:
            with (
                _compressing(raw) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
            ):
                _add_folder(archive, folder, "")
            raw.flush()
            os.fsync(raw.fileno())
        temporary.replace(file)
        sync_folder(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def merge_trees(folders: Sequence[Path], destination: Path) -> None:
    """Link the files of several folders into a new one; of equal names the first folder's counts.

    Links are kept as links, never followed; sockets, FIFOs and devices are left out. All folders
    must be on one file system.
    """
    for folder in folders:
        _merge(folder, destination)


def _merge(folder: Path, destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(folder):
        target = destination / entry.name
        if entry.is_dir(follow_symlinks=False):
            if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink()):
                _merge(Path(entry.path), target)
        elif not os.path.lexists(target):
            if entry.is_symlink():
                target.symlink_to(os.readlink(entry.path))
            elif entry.is_file(follow_symlinks=False):
                os.link(entry.path, target)


def safe_extract(file: Path, destination: Path, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Unpack a gzipped tar into a new folder and return it; an existing one is left as it is.

    Files become 0644 or, if they were executable, 0755; owners are not taken over.

    Raises
    ------
    UnsafeArchive
        If the archive is damaged, is no gzipped tar, exceeds the limits, or holds names or links
        that leave the folder, anything but files, folders and links, or a name twice. Nothing is
        left behind.
    """
    if destination.exists():
        return destination
    with _growing(destination) as folder, file.open("rb") as raw:
        source = _Bounded(raw, limits)
        try:
            _unpack(source, folder, limits)
            source.expect_end()
        except (EOFError, tarfile.ReadError, zlib.error, igzip.BadGzipFile) as error:
            raise UnsafeArchive(f"the archive is damaged or truncated: {error}") from error
        except tarfile.TarError as error:
            raise UnsafeArchive(f"the archive cannot be read: {error}") from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise UnsafeArchive("a name is too long for this file system") from error
    return destination


@contextmanager
def _growing(destination: Path) -> Iterator[Path]:
    """Give a folder that becomes ``destination`` if all goes well, and vanishes otherwise."""
    temporary = draft_of(destination)
    temporary.mkdir(parents=True)
    temporary.chmod(_FOLDER_MODE)
    try:
        yield temporary
        reached("tree.grown")
        try:
            temporary.rename(destination)
        except OSError as error:
            # Somebody else was faster: theirs is the same.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _problem(relative: str) -> str | None:
    try:
        encoded = os.fsencode(relative)
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    segments = relative.split("/")
    if relative.startswith("/"):
        return "it is absolute"
    if "\0" in relative or "\\" in relative:
        return "it holds a NUL character or a backslash"
    if "" in segments:
        return "it has an empty segment"
    if "." in segments or ".." in segments:
        return "it has a . or .. segment"
    if len(encoded) > _MAX_PATH or any(len(os.fsencode(s)) > _MAX_SEGMENT for s in segments):
        return "it is too long"
    return None


def _add_folders(folder: Path, relative: str, files: set[str], folders: set[str]) -> None:
    """Make the folders above ``relative`` that are not there yet."""
    missing = []
    parent = relative.rpartition("/")[0]
    while parent not in folders:
        if parent in files:
            raise ValueError(f"{parent!r} is both a file and a folder of {relative!r}")
        missing.append(parent)
        parent = parent.rpartition("/")[0]
    for name in reversed(missing):
        (folder / name).mkdir()
        (folder / name).chmod(_FOLDER_MODE)
        folders.add(name)


def _add_folder(archive: tarfile.TarFile, folder: Path, prefix: str) -> None:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        mode = entry.stat(follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            log.warning("Not packed, neither a file nor a folder nor a link: %s", entry.path)
            continue
        info = archive.gettarinfo(entry.path, prefix + entry.name)
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = int(info.mtime)
        if info.isreg():
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                archive.addfile(info, file)
            continue
        archive.addfile(info)
        if info.isdir():
            _add_folder(archive, folder / entry.name, f"{prefix}{entry.name}/")


def _compressing(raw: IO[bytes]) -> igzip.IGzipFile:
    return igzip.IGzipFile(  # type: ignore[no-untyped-call] # isal leaves it without types
        filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=raw, mtime=0
    )


class _Bounded:
    """What tarfile reads from: forward only, and never more than the limits allow."""

    def __init__(self, raw: IO[bytes], limits: Limits) -> None:
        if raw.read(2) != b"\x1f\x8b":
            raise UnsafeArchive("the archive is not gzip")
        raw.seek(0)
        packed = os.fstat(raw.fileno()).st_size
        self._allowed = min(limits.size, max(_GRACE, packed * limits.ratio))
        self._unpacked = igzip.IGzipFile(fileobj=raw, mode="rb")  # type: ignore[no-untyped-call] # as above
        self._position = 0

    def read(self, count: int) -> bytes:
        # A file is read in steps; only an extended header is ever read at once.
        if not 0 <= count <= _STEP:
            raise UnsafeArchive("a header of the archive is too large")
        data: bytes = self._unpacked.read(count)
        self._position += len(data)
        if self._position > self._allowed:
            raise UnsafeArchive("the archive is too large once unpacked")
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        if position < self._position:
            raise UnsafeArchive("a size in the archive is not valid")
        while position > self._position:
            if not self.read(min(_STEP, position - self._position)):
                raise EOFError("the last entry is cut short")
        return position

    def expect_end(self) -> None:
        """Check that nothing but padding follows, up to the checksum of the compressed data."""
        while data := self.read(_STEP):
            if data.strip(b"\0"):
                raise UnsafeArchive("there is other data behind the archive, or it is damaged")


def _unpack(source: _Bounded, folder: Path, limits: Limits) -> None:
    files: set[str] = set()
    folders = {""}
    # tarfile only ever reads, tells and seeks.
    with tarfile.open(fileobj=source, mode="r:") as archive:  # type: ignore[call-overload]
        for count, member in enumerate(archive, 1):
            archive.members.clear()  # it would keep every one of them in memory
            if count > limits.entries:
                raise UnsafeArchive(f"the archive has more than {limits.entries} entries")
            name = member.name.removeprefix("./").rstrip("/")
            if name in ("", "."):
                continue
            _unpack_member(archive, member, name, folder, files, folders)


def _unpack_member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    name: str,
    folder: Path,
    files: set[str],
    folders: set[str],
) -> None:
    problem = _problem(name)
    if problem:
        raise UnsafeArchive(f"the name {name[:300]!r} is not allowed: {problem}")
    if name in files or (name in folders and not member.isdir()):
        raise UnsafeArchive(f"the name {name!r} is there twice")
    if member.isdir():
        _make_folders(folder, f"{name}/.", files, folders)
        return
    _make_folders(folder, name, files, folders)
    target = folder / name
    if member.issparse():
        raise UnsafeArchive(f"{name!r} is a sparse file")
    if member.isreg():
        _unpack_file(archive, member, target)
    elif member.issym():
        _check_link(name, member.linkname)
        target.symlink_to(member.linkname)
    elif member.islnk():
        original = member.linkname.removeprefix("./")
        if original not in files or (folder / original).is_symlink():
            raise UnsafeArchive(f"{name!r} links to {original[:300]!r}, no file of the archive")
        os.link(folder / original, target)
    else:
        raise UnsafeArchive(f"{name!r} is a device, a FIFO or of an unknown kind")
    files.add(name)


def _make_folders(folder: Path, name: str, files: set[str], folders: set[str]) -> None:
    try:
        _add_folders(folder, name, files, folders)
    except (ValueError, FileExistsError) as error:
        raise UnsafeArchive(f"{name!r} is below a file or link of the archive") from error


def _unpack_file(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    mode = 0o755 if member.mode & 0o111 else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    source = archive.extractfile(member)
    if source is None:
        raise UnsafeArchive(f"{member.name!r} has no content")
    try:
        descriptor = os.open(target, flags, mode)
    except FileExistsError as error:
        raise UnsafeArchive(f"the name {member.name!r} is there twice") from error
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(source, file, _STEP)
        os.fchmod(file.fileno(), mode)
        if file.tell() != member.size:
            raise EOFError(f"{member.name!r} is cut short")


def _check_link(name: str, target: str) -> None:
    """Refuse a symbolic link that could lead out of the folder.

    It may climb first, at most to the top, and then only descend: a ``..`` behind a name could
    climb from wherever another link leads.
    """
    segments = target.split("/")
    climbs = 0
    while segments and segments[0] == "..":
        segments.pop(0)
        climbs += 1
    descends = "/".join(segment for segment in segments if segment != ".")
    if climbs > name.count("/") or not target or (descends and _problem(descends)):
        raise UnsafeArchive(f"{name!r} links to {target[:300]!r}, outside of the archive")
