"""Docker's multiplexed log stream as lines that can be resumed exactly.

Docker delimits what it stores by frames: an 8 byte header (stream, length), then a timestamp, a
space and the text. Lines over 16 KiB are several frames with the timestamp of the first. Times
may repeat or run back by a little where stdout and stderr race, so every line is given a time of
its own, strictly later than the line before: resuming is then unambiguous. Following starts
:data:`OVERLAP_NS` early, so that the same times are given to the same lines again.
"""

from __future__ import annotations

import calendar
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from jupyter_mlstudio.compute.protocol import LogCut, LogLine

OVERLAP_NS = 10_000_000_000
_AHEAD_NS = 2_000_000_000
MAX_LINE = 256 * 1024
"""Bytes of a line that are kept; then comes :data:`CUT`."""
CUT = " [line cut here: longer than 256 KiB]"
LOST = "[Lines are missing here: the container engine dropped them before they were read]"
_OVERHEAD = 80
"""Bytes of a record in Docker's file beside the text."""
_ESCAPE = 6
_ESCAPED = bytes(range(0x20)) + b'"&<>\\\x7f'
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_HEADER = struct.Struct(">BxxxL")


class LineBuffer:
    """Collect the pieces of one line, keeping :data:`MAX_LINE` bytes of it at most."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._cut = False

    def add(self, piece: bytes) -> None:
        """Append a piece of the line."""
        room = MAX_LINE - len(self._kept)
        self._kept += piece[:room]
        self._cut = self._cut or len(piece) > room

    def text(self) -> str:
        """Return the line, invalid UTF-8 replaced."""
        return self._kept.decode("utf-8", "replace") + (CUT if self._cut else "")


def read_frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (stream, payload) of each frame; a frame cut off by a lost connection is left out."""
    data = b""
    for chunk in chunks:
        data += chunk
        start = 0
        while len(data) - start >= _HEADER.size:
            stream, length = _HEADER.unpack_from(data, start)
            end = start + _HEADER.size + length
            if end > len(data):
                break
            yield stream, data[start + _HEADER.size : end]
            start = end
        data = data[start:]


def cut_after(frames: Iterable[tuple[int, bytes]], size: int) -> Iterator[tuple[int, bytes]]:
    """Yield frames as long as Docker needed at most ``size`` bytes for them in its file.

    A reader has the first file open, whatever becomes of its name; when the third begins while it
    is still behind, it misses the second and is not told. So it must not come to the second.

    Raises
    ------
    LogCut
        There is more.
    """
    for stream, payload in frames:
        size -= stored(payload)
        if size < 0:
            raise LogCut
        yield stream, payload


def stored(text: bytes) -> int:
    """Return how many bytes Docker's file takes for a piece of a line, at most."""
    escaped = len(text) - len(text.translate(None, _ESCAPED))
    if not text.isascii():
        escaped += text.count(b"\xe2\x80\xa8") + text.count(b"\xe2\x80\xa9")
        try:
            text.decode()
        except UnicodeDecodeError:
            escaped += len(text) - len(text.translate(None, _BEYOND_ASCII))
    return _OVERHEAD + len(text) + (_ESCAPE - 1) * escaped


def join_lines(
    frames: Iterable[tuple[int, bytes]],
    since_ns: int = 0,
    ended: Callable[[], bool] = lambda: True,
) -> Iterator[LogLine]:
    """Join frames to lines and yield those later than ``since_ns``.

    A log that was read before and now begins later than that has lost lines; :data:`LOST` is put in
    their place. A last line without a newline is yielded only where ``ended`` says, after the
    last frame, that there is no more to come.
    """
    joined = _Joined(since_ns)
    try:
        for stream, payload in frames:
            yield from joined.add(stream, payload)
    except LogCut:
        yield from joined.rest()
        raise
    if joined.unfinished and ended():
        yield from joined.rest()


class _Joined:
    """Lines of which not all pieces have come, and the time of the one before."""

    def __init__(self, since_ns: int) -> None:
        self._since = since_ns
        self._open: dict[int, tuple[int, LineBuffer]] = {}
        self._last = 0
        self._seamless = since_ns == 0

    def add(self, stream: int, payload: bytes) -> Iterator[LogLine]:
        """Add a piece, and yield the line if that was its last one."""
        stamp, _, text = payload.partition(b" ")
        if stream not in self._open:
            self._open[stream] = (_time_of(stamp, payload), LineBuffer())
        time_ns, buffer = self._open[stream]
        buffer.add(text.removesuffix(b"\n"))
        if text.endswith(b"\n"):
            del self._open[stream]
            yield from self._line(time_ns, buffer)

    @property
    def unfinished(self) -> bool:
        """Whether there are lines that have no end."""
        return bool(self._open)

    def rest(self) -> Iterator[LogLine]:
        """Yield the lines that have no end."""
        for time_ns, buffer in self._open.values():
            yield from self._line(time_ns, buffer)

    def _line(self, time_ns: int, buffer: LineBuffer) -> Iterator[LogLine]:
        self._last = max(time_ns, self._last + 1)
        if self._last > self._since:
            if not self._seamless and self._last - 1 > self._since:
                yield LogLine(self._last - 1, LOST)
            yield LogLine(self._last, buffer.text())
        self._seamless = True


def _time_of(stamp: bytes, payload: bytes) -> int:
    try:
        return parse_time(stamp.decode("ascii"))
    except ValueError as error:
        # Such as what is wrong with its file, when its disk was full.
        raise ValueError(f"The engine says in place of a line: {payload[:200]!r}") from error


def parse_time(text: str) -> int:
    """Return nanoseconds since the epoch of Docker's RFC 3339 time in UTC."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return _epoch(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def since_parameter(since_ns: int) -> str:
    """Return Docker's ``since`` for a log that was read up to ``since_ns``.

    A log that is ahead of the clock was written before the clock was set back: what is new in it
    may bear earlier times, so it is read from its start.
    """
    start = max(0, since_ns - OVERLAP_NS) if since_ns < time.time_ns() + _AHEAD_NS else 0
    return f"{start // 1_000_000_000}.{start % 1_000_000_000:09d}"


@lru_cache(maxsize=4)
def _epoch(seconds: str) -> int:
    return calendar.timegm(datetime.fromisoformat(seconds).timetuple())
