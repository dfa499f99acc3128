"""Log streams read as one log: lines in the order of time, found by their number.

A line's number is how many lines are before it. Streams are written by turns, so that a line may
come after later ones of another stream were numbered: such an insertion above what was already
settled changes ``order``, and what was read under another order must be read again.
"""

from __future__ import annotations

import heapq
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from time import monotonic, time_ns

from .log_index import BlockCache, StreamIndex, StreamReplaced
from .logs import LogStore

_BLOCKS = 32
_VIEWS = 16
_SETTLED_NS = 5_000_000_000
"""Age from which on lines are not expected to come between others."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line: its number in the log, its stream as an index, and its number in that."""

    number: int
    stream: int
    index: int


class LogView:
    """Several streams as one log. Safe to use from any thread.

    Parameters
    ----------
    paths:
        Files of the streams. Of lines with the same time, those of the first come first.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        cache = BlockCache(_BLOCKS + 2 * len(paths))
        self.streams = [StreamIndex(path, cache) for path in paths]
        self.complete = False
        """Whether all that is written was counted when last looked at; before, there are no
        numbers."""
        self.guard = threading.RLock()
        self._name = token_hex(6)
        self._changes = 0
        self._settled_ns = 0
        self._marks: list[int] = []

    @property
    def order(self) -> str:
        """What changes when lines got other numbers."""
        return f"{self._name}.{self._changes}"

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return sum(stream.lines for stream in self.streams)

    def extend(self, seconds: float) -> None:
        """Learn for so long what was written since.

        Raises
        ------
        StreamReplaced
            A stream is another one: make a view anew.
        """
        deadline = monotonic() + seconds
        # Read before the streams: what is written meanwhile is no older than this.
        now = time_ns()
        before = [stream.lines for stream in self.streams]
        self.complete = all(stream.extend(deadline) for stream in self.streams)
        if not self.complete:
            return
        grown = [s for s, count in zip(self.streams, before, strict=True) if s.lines > count]
        if len(self.streams) > 1:
            firsts = (s.time_of(n) for s, n in zip(self.streams, before, strict=True) if s in grown)
            if self._settled_ns and min(firsts, default=now) < self._settled_ns:
                self._changes += 1
            self._settled_ns = now - _SETTLED_NS
        if grown or not self._marks:
            self._marks = sorted({mark for stream in self.streams for mark in stream.marks})

    @property
    def settled(self) -> int:
        """How many lines, from the first on, keep their numbers as long as the order stays."""
        if len(self.streams) < 2:
            return self.lines
        return self.number_at(self._settled_ns)

    def number_at(self, time_ns: int) -> int:
        """Return the number of the first line of a time or later, in nanoseconds."""
        return sum(stream.count_before(time_ns) for stream in self.streams)

    def number_of(self, stream: int, index: int) -> int:
        """Return the number of a line of a stream."""
        if len(self.streams) == 1:
            return index
        time_ns = self.streams[stream].time_of(index)
        return index + sum(
            other.count_before(time_ns + (number < stream))
            for number, other in enumerate(self.streams)
            if number != stream
        )

    def split(self, number: int) -> list[int]:
        """Return how many lines of each stream are among the first ``number`` of all."""
        number = min(max(number, 0), self.lines)
        if len(self.streams) == 1 or number == self.lines:
            whole = number if len(self.streams) == 1 else None
            return [stream.lines if whole is None else whole for stream in self.streams]
        time_ns = self._time_before(number)
        counts = [stream.count_before(time_ns) for stream in self.streams]
        left = number - sum(counts)
        for index, stream in enumerate(self.streams):
            ties = min(left, stream.count_before(time_ns + 1) - counts[index])
            counts[index] += ties
            left -= ties
        return counts

    def read(self, first: int) -> Iterator[tuple[Place, bytes]]:
        """Yield lines from a number on, each as it was written."""
        entries = [
            _lines(stream, number, index)
            for number, (stream, index) in enumerate(
                zip(self.streams, self.split(first), strict=True)
            )
        ]
        merged = entries[0] if len(entries) == 1 else heapq.merge(*entries)
        for number, (_, stream, index, line) in enumerate(merged, first):
            yield Place(number, stream, index), line

    def last(self, limit: int) -> list[tuple[int, bytes]]:
        """Return the last lines, with their streams, without that anything was counted."""
        found: list[tuple[int, int, int, bytes]] = []
        for number, stream in enumerate(self.streams):
            lines = _tail(stream.path, limit)
            found += [(_time(line), number, n, line) for n, line in enumerate(lines)]
        return [(number, line) for _, number, _, line in sorted(found)[-limit:]]

    def _time_before(self, number: int) -> int:
        """Return the latest time before which there are ``number`` lines or fewer."""
        bounds = [stream.bounds_before for stream in self.streams]
        # No block is read until it is known in which ones the line may be.
        below = bisect_right(self._marks, number, key=lambda t: sum(b(t)[1] for b in bounds))
        above = bisect_right(self._marks, number, key=lambda t: sum(b(t)[0] for b in bounds))
        low = self._marks[max(below - 1, 0)]
        last = above >= len(self._marks)
        high = max(s.last_ns for s in self.streams) + 1 if last else self._marks[above]
        while high - low > 1:
            middle = (low + high) // 2
            if self.number_at(middle) <= number:
                low = middle
            else:
                high = middle
        return low


class LogViews:
    """The views of a store that were used last."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._views: OrderedDict[tuple[Path, ...], LogView] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, group: str, names: Sequence[str], seconds: float) -> LogView:
        """Return the view of streams, which has learnt of what is new for so long."""
        paths = tuple(self._store.path(group, name) for name in names)
        with self._guard:
            view = self._views.pop(paths, None) or LogView(paths)
            self._views[paths] = view
            while len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        try:
            with view.guard:
                view.extend(seconds)
        except StreamReplaced:
            with self._guard:
                self._views.pop(paths, None)
            raise
        return view


def _lines(stream: StreamIndex, number: int, index: int) -> Iterator[tuple[int, int, int, bytes]]:
    while index < stream.lines:
        block = stream.block(stream.mark_of(index))
        for place in range(index - block.number, len(block.times)):
            yield block.times[place], number, index, block.line(place)
            index += 1


def _tail(path: Path, limit: int) -> list[bytes]:
    """Return the last whole lines of a file."""
    size, data = 1 << 16, b""
    with path.open("rb", buffering=0) as file:
        end = file.seek(0, 2)
        while True:
            start = max(0, end - size)
            file.seek(start)
            data = file.read(end - start)
            lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
            if start == 0:
                return lines[-limit:]
            if len(lines) > limit:
                return lines[1:][-limit:]
            size *= 4


def _time(line: bytes) -> int:
    return int(line[: line.index(b" ")])
