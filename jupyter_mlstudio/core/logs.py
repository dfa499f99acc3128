"""Log streams as append-only files, kept by the studio so that they outlive containers.

A stream ``<group>`` / ``<resource>/<rest>`` is one file, and so is one with another name. A record
is one line ``<nanoseconds since the epoch> <text>``, newlines in the text escaped. Its byte offset
is the cursor readers use. A record that a crash cut short has no newline: it is dropped when the
stream is next written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from ..compute.protocol import LogLine
from .settings import write_atomically

STREAM_LIMIT = 256 << 20
"""Bytes a stream may have before it is cut."""

_CUT = b" [The log is cut here: it is longer than a stream may be]\n"
_BLOCK = 1 << 16
_LONGEST = 255
_FLAT = ".flat"
"""Folder of the streams that are not called ``<resource>/<rest>``; no escaped name has a dot."""
_GROUP = ".group.json"
_ESCAPES = {"\0": "\0" + "0", "\n": "\0n"}


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A log stream. Times are milliseconds since the epoch; None while it is empty."""

    group: str
    name: str
    path: Path
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    size: int


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of a stream and where it starts in bytes."""

    offset: int
    time_ms: int
    message: str


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order written; the offsets are where the pages beside this one start."""

    events: list[LogEvent]
    next_offset: int
    previous_offset: int


class LogStore:
    """Log streams below a folder. Safe to use from any thread of one process."""

    def __init__(self, root: Path, limit: int = STREAM_LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._writing = threading.Lock()

    def groups(self, prefix: str = "") -> list[str]:
        """Return the names of groups, sorted."""
        if not self.root.exists():
            return []
        names = (unquote(entry.name) for entry in os.scandir(self.root))
        return sorted(name for name in names if name.startswith(prefix))

    def describe(self, group: str) -> dict[str, Any]:
        """Return what is kept of a group beside its streams: times in ms, retention in days."""
        try:
            document: dict[str, Any] = json.loads((self._folder(group) / _GROUP).read_text())
        except FileNotFoundError:
            return {}
        return document

    def note(self, group: str, **changes: Any) -> None:  # noqa: ANN401 - any JSON value
        """Make a group unless it is there, and keep something of it; None is forgotten."""
        folder = self._folder(group)
        folder.mkdir(parents=True, exist_ok=True)
        with self._writing:
            kept = {**self.describe(group), **changes}
            kept = {name: value for name, value in kept.items() if value is not None}
            write_atomically(folder / _GROUP, json.dumps(kept))

    def delete(self, group: str, stream: str, before_ms: int | None = None) -> None:
        """Delete a stream, if nothing was written to it at ``before_ms`` or later.

        Unknown: no-op.
        """
        path = self.path(group, stream)
        with self._writing:
            last = self.last_ns(group, stream)
            if before_ms is not None and last >= before_ms * 1_000_000:
                return
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()

    def delete_group(self, group: str) -> None:
        """Delete a group with all its streams; unknown: no-op."""
        with self._writing:
            shutil.rmtree(self._folder(group), ignore_errors=True)

    def exists(self, group: str, stream: str) -> bool:
        """Say whether there is such a stream."""
        return fits(group, stream) and self.path(group, stream).is_file()

    def streams(self, group: str, prefix: str = "") -> list[StreamInfo]:
        """Return the streams of a group by name. A prefix ``x/`` costs one folder, not all."""
        folder = self._folder(group)
        owner, slash, _ = prefix.partition("/")
        if slash:
            places = (_quoted(owner), _FLAT)
            owners = [folder / place for place in places if 0 < len(place) <= _LONGEST]
        elif folder.is_dir():
            owners = [Path(entry.path) for entry in os.scandir(folder)]
        else:
            owners = []
        found = [
            _info(group, _name(owner, path), path)
            for owner in owners
            if owner.is_dir()
            for path in owner.iterdir()
        ]
        return sorted((s for s in found if s.name.startswith(prefix)), key=lambda s: s.name)

    def create(self, group: str, stream: str) -> None:
        """Make a stream, empty, unless it is there."""
        path = self.path(group, stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=True)

    def append(
        self, group: str, stream: str, lines: Iterable[LogLine], *, durable: bool = False
    ) -> bool:
        """Write lines to a stream, making it first; say whether it is full.

        A stream that has reached its limit ends with a line that says so, and takes no more.
        Lines that cannot be had again are written ``durable``: they are on disk then.
        """
        records = b"".join(
            b"%d %s\n" % (line.time_ns, _escaped(line.text).encode(errors="replace"))
            for line in lines
        )
        with self._writing, self._opened(group, stream) as file:
            size = file.truncate(_whole(file.fileno()))
            if _ends_cut(file.fileno(), size):
                return True
            full = size + len(records) > self.limit
            file.seek(size)
            file.write(_cut(records, self.limit - size) if full else records)
            if durable:
                file.flush()
                os.fsync(file.fileno())
            return full

    def cut(self, group: str, stream: str) -> None:
        """End a stream with the line that says that it goes on no further; safe to repeat."""
        with self._writing, self._opened(group, stream) as file:
            size = file.truncate(_whole(file.fileno()))
            if not _ends_cut(file.fileno(), size):
                file.seek(size)
                file.write(b"%d" % (self.last_ns(group, stream) + 1) + _CUT)

    def last_ns(self, group: str, stream: str) -> int:
        """Return the time of the last whole record in nanoseconds, 0 when there is none."""
        path = self.path(group, stream)
        if not path.exists():
            return 0
        for record in _backwards(path, path.stat().st_size):
            return record.time_ns
        return 0

    def read(
        self,
        group: str,
        stream: str,
        offset: int | None = None,
        limit: int = 10_000,
        *,
        backwards: bool = False,
        start_ms: int | None = None,
        end_ms: int | None = None,
        max_bytes: int = 1_048_576,
    ) -> Page:
        """Return up to ``limit`` events from ``offset`` on, or before it when ``backwards``.

        ``offset`` None is the end when reading backwards, else the start. Times are milliseconds:
        ``start_ms`` inclusive, ``end_ms`` exclusive. A page holds ``max_bytes`` at most, but one
        event at least.

        Raises
        ------
        KeyError
            There is no such stream.
        ValueError
            ``offset`` is not where a record starts.
        """
        path = self.path(group, stream)
        if not self.exists(group, stream):
            raise KeyError(stream)
        if offset is None:
            offset = _end(path) if backwards else 0
        if offset > path.stat().st_size or not _starts_record(path, offset):
            raise ValueError(f"{offset} is not the start of a log record")
        records = _backwards(path, offset) if backwards else _forwards(path, offset)
        events: list[LogEvent] = []
        reached, weight = offset, 0
        for record in records:
            time_ms = record.time_ns // 1_000_000
            wanted = (start_ms is None or time_ms >= start_ms) and (
                end_ms is None or time_ms < end_ms
            )
            if wanted:
                weight += len(record.text)
                if events and (len(events) >= limit or weight > max_bytes):
                    break
                events.append(LogEvent(record.offset, time_ms, record.text))
            reached = record.offset if backwards else record.end
        if backwards:
            events.reverse()
            return Page(events, next_offset=offset, previous_offset=reached)
        return Page(events, next_offset=reached, previous_offset=offset)

    def tail(self, group: str, stream: str, lines: int) -> list[str]:
        """Return the last lines of a stream; none when there is no such stream."""
        try:
            return [e.message for e in self.read(group, stream, limit=lines, backwards=True).events]
        except KeyError:
            return []

    def path(self, group: str, stream: str) -> Path:
        """Return the file of a stream, which need not exist."""
        return self._folder(group).joinpath(*_place(stream))

    def _opened(self, group: str, stream: str) -> BinaryIO:
        self.create(group, stream)
        return self.path(group, stream).open("r+b")

    def _folder(self, group: str) -> Path:
        return self.root / _quoted(group)


@dataclass(frozen=True, slots=True)
class _Record:
    offset: int
    end: int
    time_ns: int
    text: str


def _ends_cut(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, len(_CUT), max(0, size - len(_CUT))) == _CUT


def _cut(records: bytes, room: int) -> bytes:
    """Return the whole records that fit, and one that says that the rest is missing."""
    kept = records[: records.rfind(b"\n", 0, max(room, 0)) + 1]
    stamp = records[len(kept) :].partition(b" ")[0]
    return kept + stamp + _CUT


def _quoted(name: str) -> str:
    # A dot is safe to urllib but not as a file name of its own.
    return quote(name, safe="").replace(".", "%2E")


def _place(stream: str) -> tuple[str, str]:
    owner, _, rest = stream.partition("/")
    return (_quoted(owner), _quoted(rest)) if owner and rest else (_FLAT, _quoted(stream))


def _name(owner: Path, path: Path) -> str:
    rest = unquote(path.name)
    return rest if owner.name == _FLAT else f"{unquote(owner.name)}/{rest}"


def fits(group: str, stream: str = "-") -> bool:
    """Say whether names, escaped as here, are short enough for a file system."""
    return all(len(part) <= _LONGEST for part in (_quoted(group), *_place(stream)))


def _escaped(text: str) -> str:
    for plain, escape in _ESCAPES.items():
        if plain in text:
            text = text.replace(plain, escape)
    return text


def unescaped(text: str) -> str:
    """Return the text of a record as it was before it was written."""
    return re.sub("\0[0n]", lambda match: "\n" if match[0][1] == "n" else "\0", text)


def _info(group: str, name: str, path: Path) -> StreamInfo:
    status = path.stat()
    first = next(_forwards(path, 0), None)
    last = next(_backwards(path, status.st_size), None)
    born = first.time_ns // 1_000_000 if first else int(status.st_ctime * 1000)
    return StreamInfo(
        group=group,
        name=name,
        path=path,
        created_ms=born,
        first_ms=first.time_ns // 1_000_000 if first else None,
        last_ms=last.time_ns // 1_000_000 if last else None,
        size=status.st_size,
    )


def _record(offset: int, line: bytes) -> _Record:
    stamp, _, text = line[:-1].partition(b" ")
    words = text.decode(errors="replace")
    if "\0" in words:
        words = unescaped(words)
    return _Record(offset, offset + len(line), int(stamp), words)


def _forwards(path: Path, offset: int) -> Iterator[_Record]:
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield _record(offset, line)
            offset += len(line)


def _backwards(path: Path, end: int) -> Iterator[_Record]:
    """Yield whole records that end at ``end`` or before, newest first."""
    rest, start = b"", end
    with path.open("rb") as file:
        while start > 0:
            step = min(_BLOCK, start)
            start -= step
            file.seek(start)
            rest = file.read(step) + rest
            lines = _lines(rest)
            position = start + len(rest)
            keep = 1 if start > 0 else 0
            for line in reversed(lines[keep:]):
                position -= len(line)
                if line.endswith(b"\n"):
                    yield _record(position, line)
            rest = lines[0] if keep else b""


def _lines(block: bytes) -> list[bytes]:
    parts = block.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _starts_record(path: Path, offset: int) -> bool:
    if offset == 0:
        return True
    with path.open("rb") as file:
        file.seek(offset - 1)
        return file.read(1) == b"\n"


def _end(path: Path) -> int:
    """Return where the last whole record ends; a writer may be in the middle of the next."""
    with path.open("rb") as file:
        return _whole(file.fileno())


def _whole(descriptor: int) -> int:
    """Return the length of the file without a last record that a crash cut short."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _BLOCK)
        block = os.pread(descriptor, end - start, start)
        if (newline := block.rfind(b"\n")) >= 0:
            return start + newline + 1
        end = start
    return 0
