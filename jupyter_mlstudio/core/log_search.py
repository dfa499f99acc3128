"""Looking for lines in a log of any size, for so long at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from .log_index import StreamIndex
from .log_view import LogView, Place
from .logs import unescaped

_SLICE = 1 << 24
_SLOW_SLICE = 1 << 20
"""Bytes that are searched before the time is looked at, where hints help and where they do not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are looked for.

    Parameters
    ----------
    matches:
        Says of a line's text whether it is one.
    hints:
        Every such line has one of these, when it is in small letters; to pass over others quickly.
        Without any, all lines are looked at.
    """

    matches: Callable[[str], bool]
    hints: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Lines in the order in which they were looked for.

    ``next`` is where to go on, None when the end was reached.
    """

    lines: list[tuple[Place, bytes]]
    next: int | None


def search(
    view: LogView, wanted: Wanted, start: int, limit: int, seconds: float, *, backwards: bool
) -> Found:
    """Look for up to ``limit`` lines from a line on, or among those before it.

    The first slice is always searched, so that asking again gets on.
    """
    deadline = monotonic() + seconds
    step = _lines_per_slice(view, _SLICE if wanted.hints else _SLOW_SLICE)
    position = min(start, view.lines)
    found: list[tuple[Place, bytes]] = []
    while (position > 0) if backwards else (position < view.lines):
        first = max(0, position - step) if backwards else position
        end = position if backwards else min(view.lines, position + step)
        hits = sorted(_between(view, wanted, first, end), key=lambda hit: hit[0].number)
        if backwards:
            hits.reverse()
        room = limit - len(found)
        found += hits[:room]
        if len(hits) >= room:
            last = found[-1][0].number
            return Found(found, last if backwards else last + 1)
        position = first if backwards else end
        if monotonic() > deadline:
            return Found(found, position)
    return Found(found, None)


def _lines_per_slice(view: LogView, slice_bytes: int) -> int:
    size = sum(stream.end for stream in view.streams)
    return max(1, slice_bytes * view.lines // max(size, 1))


def _between(view: LogView, wanted: Wanted, first: int, end: int) -> Iterator[tuple[Place, bytes]]:
    """Yield the wanted lines from a number on up to another, in no order."""
    spans = zip(view.streams, view.split(first), view.split(end), strict=True)
    for number, (stream, begin, stop) in enumerate(spans):
        for index, line in _hits(stream, wanted, begin, stop):
            yield Place(view.number_of(number, index), number, index), line


def _hits(
    stream: StreamIndex, wanted: Wanted, begin: int, stop: int
) -> Iterator[tuple[int, bytes]]:
    data = stream.read(stream.offset_of(begin), stream.offset_of(stop))
    counted, index = 0, begin
    for start, end in _candidates(data, wanted.hints):
        index += data.count(b"\n", counted, start)
        counted = start
        line = data[start:end]
        if wanted.matches(text_of(line)):
            yield index, line


def _candidates(data: bytes, hints: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Yield where lines start and end that may be wanted."""
    small = data.lower() if hints else data
    near = {hint: small.find(hint) for hint in hints or (b"\n",)}
    while near := {hint: place for hint, place in near.items() if place >= 0}:
        place = min(near.values())
        start, end = data.rfind(b"\n", 0, place) + 1, data.index(b"\n", place) + 1
        yield start, end
        near = {h: p if p >= end else small.find(h, end) for h, p in near.items()}


def text_of(line: bytes) -> str:
    """Return the text of a line as it was written to a stream."""
    text = line[line.index(b" ") + 1 : -1].decode(errors="replace")
    return unescaped(text) if "\0" in text else text
