"""The append-only record of every change to an object store.

The catalogue (``objects.db``) is an index over it: whatever the journal holds has happened, and
replaying it from the start makes the same catalogue again. A line is the CRC-32 of a JSON record,
a space and the record; the first line names the journal's generation, which changes whenever
the journal is rewritten.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .files import sync_folder

log = logging.getLogger(__name__)

Record = dict[str, Any]


class Journal:
    """One journal file, open for appending by the one writer of the store.

    Attributes
    ----------
    generation:
        Name of this journal's contents; offsets of another generation mean nothing here.
    end:
        Bytes of whole records; what a crash left behind them is cut off.
    damaged:
        Lines in the middle of the file that could not be read, found by :meth:`read`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("r+b")
        header = _decode(self._file.readline())
        if header is None or "journal" not in header:
            raise ValueError(f"{path} is not a journal of an object store")
        self.generation = str(header["journal"])
        self.start = self._file.tell()
        self.end = self._file.seek(0, os.SEEK_END)
        self.damaged = 0
        self._torn = False

    @staticmethod
    def create(path: Path, records: Iterable[Record] = ()) -> Journal:
        """Write a journal of a new generation holding ``records``, replacing any at ``path``."""
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(_encode({"journal": secrets.token_hex(8)}))
            file.writelines(_encode(record) for record in records)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
        return Journal(path)

    def read(self, offset: int) -> Iterator[tuple[Record, int]]:
        """Yield each record from ``offset`` on, with the offset that follows it.

        An unreadable last line is what a crash in the middle of an append leaves: it was never
        acknowledged and is cut off. Any other unreadable line is damage: counted and skipped.
        """
        self._file.seek(offset)
        broken: list[int] = []
        for line in self._file:
            record = _decode(line)
            if record is None:
                broken.append(offset)
                offset += len(line)
                continue
            if broken:
                self._report(broken)
            offset += len(line)
            yield record, offset
        if len(broken) > 1:
            self._report(broken[:-1])
        if broken:
            self.truncate(broken[-1])

    def append(self, records: Iterable[Record]) -> int:
        """Add ``records`` durably and return the new end; on an error nothing is added."""
        data = b"".join(map(_encode, records))
        if self._torn:
            self.truncate(self.end)
        try:
            self._file.seek(self.end)
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self.truncate(self.end)
            raise
        self.end += len(data)
        return self.end

    def truncate(self, end: int) -> None:
        """Forget everything after ``end``; if that fails, the next :meth:`append` tries again."""
        self._torn = True
        # A buffered write that failed is still pending in the file object: start with a new one.
        try:
            self._file.close()
        except OSError as error:
            log.warning("Could not flush %s: %s", self._path, error)
        self._file = self._path.open("r+b")
        self._file.truncate(end)
        os.fsync(self._file.fileno())
        self.end = end
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _report(self, offsets: list[int]) -> None:
        self.damaged += len(offsets)
        log.error("%s is damaged at %s; those changes are lost", self._path, offsets)
        offsets.clear()


def _encode(record: Record) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _decode(line: bytes) -> Record | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    record = json.loads(text)
    return record if isinstance(record, dict) else None
