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
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from jupyter_mlstudio.compute.protocol import LogLine

OVERLAP_NS = 10_000_000_000
MAX_LINE = 256 * 1024
"""Bytes of a line that are kept; then comes :data:`CUT`."""
CUT = " [line cut here: longer than 256 KiB]"
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


def join_lines(
    frames: Iterable[tuple[int, bytes]],
    since_ns: int = 0,
    ended: Callable[[], bool] = lambda: True,
) -> Iterator[LogLine]:
    """Join frames to lines and yield those later than ``since_ns``.

    A last line without a newline is yielded only where ``ended`` says, after the last frame, that
    there is no more to come.
    """
    open_lines: dict[int, tuple[int, LineBuffer]] = {}
    last = 0
    for stream, payload in frames:
        stamp, _, text = payload.partition(b" ")
        if stream not in open_lines:
            open_lines[stream] = (parse_time(stamp.decode("ascii")), LineBuffer())
        time_ns, buffer = open_lines[stream]
        buffer.add(text.removesuffix(b"\n"))
        if not text.endswith(b"\n"):
            continue
        del open_lines[stream]
        last = max(time_ns, last + 1)
        if last > since_ns:
            yield LogLine(last, buffer.text())
    for time_ns, buffer in open_lines.values() if open_lines and ended() else ():
        last = max(time_ns, last + 1)
        if last > since_ns:
            yield LogLine(last, buffer.text())


def parse_time(text: str) -> int:
    """Return nanoseconds since the epoch of Docker's RFC 3339 time in UTC."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return _epoch(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def since_parameter(since_ns: int) -> str:
    """Return Docker's ``since`` for a log that was read up to ``since_ns``."""
    start = max(0, since_ns - OVERLAP_NS)
    return f"{start // 1_000_000_000}.{start % 1_000_000_000:09d}"


@lru_cache(maxsize=4)
def _epoch(seconds: str) -> int:
    return calendar.timegm(datetime.fromisoformat(seconds).timetuple())
