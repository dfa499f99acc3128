"""Reads the first rows of a Parquet file whose bytes come through the standard input.

Run with the file's size. Writes a JSON object per line: ``offset`` and ``length`` of bytes it needs
next, at the end ``document``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any, BinaryIO

MEMORY = 2 << 30
PROCESSOR_SECONDS = 15
ROWS, COLUMNS, CELL = 200, 200, 500


class Ranges(io.RawIOBase):
    """A file whose bytes are asked for as they are read."""

    def __init__(self, size: int, answers: BinaryIO, questions: BinaryIO) -> None:
        super().__init__()
        self._size, self._position = size, 0
        self._answers, self._questions = answers, questions

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - anything with a buffer
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        tell(self._questions, {"offset": self._position, "length": length})
        found = self._answers.read(length)
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def tell(out: BinaryIO, document: dict[str, Any]) -> None:
    """Write a line."""
    out.write(json.dumps(document).encode() + b"\n")
    out.flush()


def limit() -> None:
    """Give this process little memory and time, where the system can do that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def rows_of(file: io.RawIOBase) -> dict[str, Any]:
    """Return the first rows as a preview."""
    import pyarrow.parquet

    found = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 16, pre_buffer=False)
    names = found.schema_arrow.names
    chosen = names[:COLUMNS] if len(names) > COLUMNS else None
    batch = next(found.iter_batches(ROWS, columns=chosen, use_threads=False), None)
    # Two columns may have one name.
    columns = [] if batch is None else [each.slice(0, ROWS).to_pylist() for each in batch.columns]
    schema = found.schema_arrow if batch is None else batch.schema
    rows = list(zip(*columns, strict=True))
    return {
        "kind": "table",
        "columns": [f"{field.name}: {field.type}"[:CELL] for field in schema],
        "rows": [[_text(value) for value in row] for row in rows],
        "truncated": found.metadata.num_rows > len(rows),
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)[:CELL]


def main() -> None:
    """Answer on the standard output."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    out, answers = sys.stdout.buffer, sys.stdin.buffer
    limit()
    try:
        document = rows_of(Ranges(int(sys.argv[1]), answers, out))
    except ModuleNotFoundError:
        reason = "Looking into Parquet files needs pyarrow: pip install pyarrow."
        document = {"kind": "none", "reason": reason, "truncated": False}
    tell(out, {"document": document})


if __name__ == "__main__":
    main()
