"""Objects as one stream of bytes, wrapped as records where that is asked for."""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from isal import igzip

MAGIC = 0xCED7230A
"""What a frame of RecordIO starts with: the magic number, 29 bits of length, the data, zeros up
to a multiple of 4 bytes."""
MAX_RECORD = (1 << 29) - 1
_HEADER = struct.Struct("<II")
_STEP = 1 << 20
_SMALL = 256 << 10
"""Bytes up to which files are copied and written together."""
_NO_SPLICE = (errno.EINVAL, errno.ENOSYS)


class BadObject(Exception):
    """An object cannot be sent as was asked for; the message names it."""


class Stream:
    """What is sent in one epoch, in entries that can be put into any order.

    Parameters
    ----------
    plan:
        ``objects``, a folder with a file per object, named by number; ``entries``, a file with a
        line per entry: a JSON array of such numbers and of text; ``names``, a file with a JSON
        array of the objects' URIs; ``gzip``, whether they are decompressed; ``record_io``, whether
        every part of an entry becomes a record.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._objects: str = plan["objects"]
        self._names = Path(plan["names"])
        self._entries = Path(plan["entries"]).read_bytes().splitlines()
        self._gzip: bool = plan["gzip"]
        self._record_io: bool = plan["record_io"]

    def __len__(self) -> int:
        return len(self._entries)

    def send(self, out: int, entries: Iterable[int]) -> None:
        """Write entries to a descriptor that blocks.

        Raises
        ------
        BrokenPipeError
            Nobody reads any more.
        BadObject
            An object is not gzip, or too large for a record.
        """
        pipe = _Pipe(out)
        for index in entries:
            for part in json.loads(self._entries[index]):
                if isinstance(part, str):
                    self._send_text(pipe, part.encode())
                else:
                    self._send_object(pipe, part)
        pipe.flush()

    def _send_text(self, pipe: _Pipe, data: bytes) -> None:
        if self._record_io:
            pipe.write(_HEADER.pack(MAGIC, len(data)))
        pipe.write(data)
        if self._record_io:
            pipe.write(_padding(len(data)))

    def _send_object(self, pipe: _Pipe, number: int) -> None:
        file = os.open(f"{self._objects}/{number}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(file).st_size
            if self._record_io:
                size = self._checked(
                    self._unpacked_size(file, number) if self._gzip else size, number
                )
                pipe.write(_HEADER.pack(MAGIC, size))
            if self._gzip:
                for data in self._unpacked(file, number):
                    pipe.write(data)
            else:
                pipe.send_file(file, size)
            if self._record_io:
                pipe.write(_padding(size))
        finally:
            os.close(file)

    def _unpacked_size(self, file: int, number: int) -> int:
        """Return the length of what comes out: in a record it stands before the data."""
        size = 0
        for data in self._unpacked(file, number):
            size = self._checked(size + len(data), number)
        os.lseek(file, 0, os.SEEK_SET)
        return size

    def _checked(self, size: int, number: int) -> int:
        if size > MAX_RECORD:
            raise BadObject(
                f"{self._name(number)} is too large for a RecordIO record, which has at most "
                f"{MAX_RECORD} bytes."
            )
        return size

    def _unpacked(self, file: int, number: int) -> Iterator[bytes]:
        with open(file, "rb", buffering=0, closefd=False) as raw:
            unpacked = igzip.IGzipFile(fileobj=raw, mode="rb")  # type: ignore[no-untyped-call] # isal
            while data := self._next(unpacked, number):
                yield data

    def _next(self, unpacked: igzip.IGzipFile, number: int) -> bytes:
        try:
            return bytes(unpacked.read(_STEP))
        except (EOFError, zlib.error, igzip.BadGzipFile) as error:
            raise BadObject(f"{self._name(number)} is not gzip, or is cut short.") from error

    def _name(self, number: int) -> str:
        names: list[str] = json.loads(self._names.read_text())
        return names[number]


class _Pipe:
    """A descriptor to write to: little pieces together, large files without copying them."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= _SMALL:
            self.flush()

    def flush(self) -> None:
        view = memoryview(self._waiting)
        while view:
            view = view[os.write(self._out, view) :]
        self._waiting = bytearray()

    def send_file(self, file: int, size: int) -> None:
        if size < _SMALL or not hasattr(os, "splice"):
            self._copy(file)
            return
        self.flush()
        try:
            while os.splice(file, self._out, _STEP):
                pass
        except OSError as error:
            if error.errno not in _NO_SPLICE:
                raise
            self._copy(file)

    def _copy(self, file: int) -> None:
        while data := os.read(file, _STEP):
            self.write(data)


def _padding(size: int) -> bytes:
    return bytes(-size % 4)
