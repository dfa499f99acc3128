"""Log streams as append-only files, kept by the studio so that they outlive containers.

A stream ``<group>`` / ``<resource>/<rest>`` is one file; a record is one line
``<nanoseconds since the epoch> <text>``. Its byte offset is the cursor readers use. A record that
a crash cut short has no newline: it is dropped when the stream is next written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from ..compute.protocol import LogLine

STREAM_LIMIT = 256 << 20
"""Bytes a stream may have before it is cut."""

_CUT = b" [The log is cut here: it is longer than a stream may be]\n"
_BLOCK = 1 << 16


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

    def streams(self, group: str, prefix: str = "") -> list[StreamInfo]:
        """Return the streams of a group by name. A prefix ``x/`` costs one folder, not all."""
        folder = self.root / _quoted(group)
        owner, slash, _ = prefix.partition("/")
        if slash:
            owners = [folder / _quoted(owner)]
        elif folder.is_dir():
            owners = [Path(entry.path) for entry in os.scandir(folder)]
        else:
            owners = []
        found = [
            _info(group, f"{unquote(owner.name)}/{unquote(path.name)}", path)
            for owner in owners
            if owner.is_dir()
            for path in owner.iterdir()
        ]
        return sorted((s for s in found if s.name.startswith(prefix)), key=lambda s: s.name)

    def create(self, group: str, stream: str) -> None:
        """Make a stream, empty, unless it is there."""
        path = self._path(group, stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=True)

    def append(self, group: str, stream: str, lines: Iterable[LogLine]) -> bool:
        """Write lines to a stream, making it first; say whether it is full.

        A stream that has reached its limit ends with a line that says so, and takes no more.
        """
        self.create(group, stream)
        records = b"".join(
            b"%d %s\n" % (line.time_ns, line.text.replace("\n", "\r").encode(errors="replace"))
            for line in lines
        )
        with self._writing, self._path(group, stream).open("r+b") as file:
            size = file.truncate(_whole(file.fileno()))
            if os.pread(file.fileno(), len(_CUT), max(0, size - len(_CUT))) == _CUT:
                return True
            full = size + len(records) > self.limit
            file.seek(size)
            file.write(_cut(records, self.limit - size) if full else records)
            return full

    def last_ns(self, group: str, stream: str) -> int:
        """Return the time of the last whole record in nanoseconds, 0 when there is none."""
        path = self._path(group, stream)
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
        path = self._path(group, stream)
        if not path.exists():
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

    def _path(self, group: str, stream: str) -> Path:
        owner, slash, rest = stream.partition("/")
        if not slash:
            raise ValueError(f"A stream is named <resource>/<rest>, not {stream!r}")
        return self.root / _quoted(group) / _quoted(owner) / _quoted(rest)


@dataclass(frozen=True, slots=True)
class _Record:
    offset: int
    end: int
    time_ns: int
    text: str


def _cut(records: bytes, room: int) -> bytes:
    """Return the whole records that fit, and one that says that the rest is missing."""
    kept = records[: records.rfind(b"\n", 0, max(room, 0)) + 1]
    stamp = records[len(kept) :].partition(b" ")[0]
    return kept + stamp + _CUT


def _quoted(name: str) -> str:
    # A dot is safe to urllib but not as a file name of its own.
    return quote(name, safe="").replace(".", "%2E")


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
    return _Record(offset, offset + len(line), int(stamp), text.decode(errors="replace"))


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
