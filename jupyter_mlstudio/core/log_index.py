"""Where the lines of a log stream are, so that line 5 000 000 is found without reading all before.

Every block of a stream has a mark: where it starts, how many lines are before it, and a time. What
is between two marks is read when it is asked for. An index grows with its stream, is never written
to disk, and is made anew within seconds per gigabyte.

Times of a stream may run back, where users send their own. To be found by halving they must not: a
mark's time is the latest of the first and last lines of all blocks before it, and a line counts as
of the latest time before it in its block, within those of the marks around it.
"""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from time import monotonic

_BLOCK = 1 << 17
_READ = 1 << 20


class StreamReplaced(Exception):
    """The stream was deleted, or is another one of the same name."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines between two marks.

    ``starts`` are bytes from the beginning of ``data``, and one more for its end. ``times`` are
    nanoseconds that never run back.
    """

    number: int
    data: bytes
    starts: array[int]
    times: array[int]

    def line(self, index: int) -> bytes:
        """Return a line as it was written, with its time and line feed."""
        return self.data[self.starts[index] : self.starts[index + 1]]


class BlockCache:
    """The blocks read last, of any stream."""

    def __init__(self, capacity: int) -> None:
        self._blocks: OrderedDict[tuple[Path, int, int], Block] = OrderedDict()
        self._capacity = capacity
        self._guard = threading.Lock()

    def get(self, key: tuple[Path, int, int]) -> Block | None:
        """Return the block of a stream between two offsets, if it was read lately."""
        with self._guard:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
            return block

    def put(self, key: tuple[Path, int, int], block: Block) -> None:
        """Keep a block."""
        with self._guard:
            self._blocks[key] = block
            while len(self._blocks) > self._capacity:
                self._blocks.popitem(last=False)


class StreamIndex:
    """The marks of one stream. Not safe to extend from several threads."""

    def __init__(self, path: Path, cache: BlockCache) -> None:
        self.path = path
        self.lines = 0
        self.end = 0
        """Bytes that the marks know; a whole number of lines."""
        self.last_ns = 0
        self._identity = _identity(path)
        self._cache = cache
        self._offsets, self._numbers, self._times = (array("Q", [0]) for _ in range(3))

    @property
    def marks(self) -> array[int]:
        """The time of each mark in nanoseconds; never running back."""
        return self._times

    def extend(self, deadline: float) -> bool:
        """Learn what was written since; say whether that was all at the (monotonic) deadline.

        Raises
        ------
        StreamReplaced
            The stream is no longer the one this index is of.
        """
        if _identity(self.path) != self._identity:
            raise StreamReplaced(self.path)
        with self.path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size < self.end:
                raise StreamReplaced(self.path)
            while self.end < size:
                data = _whole_lines(file.fileno(), self.end)
                if not data:
                    return True
                for start in range(0, len(data), _BLOCK):
                    self._learn(data, start)
                self.end += len(data)
                if monotonic() > deadline:
                    return False
        return True

    def count_before(self, time_ns: int) -> int:
        """Return how many lines are of an earlier time."""
        if time_ns <= 0:
            return 0
        mark = bisect_left(self._times, time_ns) - 1
        block = self.block(mark)
        return block.number + bisect_left(block.times, time_ns)

    def bounds_before(self, time_ns: int) -> tuple[int, int]:
        """Return the least and the most lines of an earlier time as the marks have it."""
        if time_ns <= 0:
            return 0, 0
        mark = bisect_left(self._times, time_ns) - 1
        last = mark + 1 == len(self._numbers)
        return self._numbers[mark], self.lines if last else self._numbers[mark + 1]

    def time_of(self, number: int) -> int:
        """Return the time of a line by its number in the stream; it never runs back."""
        block = self.block(self.mark_of(number))
        return block.times[number - block.number]

    def offset_of(self, number: int) -> int:
        """Return where a line starts in bytes, or the end for the one after the last."""
        if number >= self.lines:
            return self.end
        mark = self.mark_of(number)
        block = self.block(mark)
        return self._offsets[mark] + block.starts[number - block.number]

    def mark_of(self, number: int) -> int:
        """Return the mark of the block that a line is in."""
        return bisect_right(self._numbers, number) - 1

    def block(self, mark: int) -> Block:
        """Read the lines from a mark to the next."""
        start = self._offsets[mark]
        last = mark + 1 == len(self._offsets)
        end = self.end if last else self._offsets[mark + 1]
        latest = self.last_ns if last else self._times[mark + 1]
        key = (self.path, start, end)
        block = self._cache.get(key)
        if block is None:
            data = self.read(start, end)
            block = _parsed(data, self._numbers[mark], self._times[mark], latest)
            self._cache.put(key, block)
        return block

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes between two offsets.

        Raises
        ------
        StreamReplaced
            They are gone.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), end - start, start)
        except FileNotFoundError:
            raise StreamReplaced(self.path) from None
        if len(data) < end - start:
            raise StreamReplaced(self.path)
        return data

    def _learn(self, data: bytes, start: int) -> None:
        """Take in a part of what is after ``self.end``, and mark its start where one is due."""
        first = data.rfind(b"\n", 0, start) + 1
        last = data.rfind(b"\n", 0, start + _BLOCK) + 1
        if last <= first:
            return
        offset = self.end + first
        if offset - self._offsets[-1] >= _BLOCK:
            self._offsets.append(offset)
            self._numbers.append(self.lines)
            self._times.append(self.last_ns)
        part = data[first:last]
        self.lines += part.count(b"\n")
        self.last_ns = max(self.last_ns, _time(part, 0), _time(part, part.rfind(b"\n", 0, -1) + 1))


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StreamReplaced(path) from None
    return status.st_dev, status.st_ino


def _whole_lines(descriptor: int, offset: int) -> bytes:
    """Read some lines from an offset on; none when the rest is a line that is being written."""
    size = _READ
    while True:
        data = os.pread(descriptor, size, offset)
        end = data.rfind(b"\n") + 1
        if end or len(data) < size:
            return data[:end]
        size *= 2


def _parsed(data: bytes, number: int, earliest: int, latest: int) -> Block:
    lengths = [len(line) + 1 for line in data.split(b"\n")[:-1]]
    starts = array("Q", accumulate(lengths, initial=0))
    own = [min(_time(data, start), latest) for start in starts[:-1]]
    times = array("Q", accumulate(own, max, initial=earliest))
    return Block(number, data, starts, times[1:])


def _time(data: bytes, start: int) -> int:
    return int(data[start : data.index(b" ", start)])
