"""The object store: its journal, its catalogue and its files say the same."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.storage import catalog, records
from jupyter_mlstudio.storage.journal import _decode

from .rows import Rows

_READ_AT_MOST = 64 << 20
_TABLES = ("buckets", "configurations", "objects", "versions", "events", "uploads", "parts")


def agreement(settings: Settings, rows: Rows) -> Iterator[str]:
    """What the journal holds is in the catalogue; what that names is on disk, and nothing else."""
    root = settings.objects
    if not (root / "objects.db").exists():
        return
    with closing(catalog.connect(root / "objects.db", read_only=True)) as connection:
        with closing(_replayed(root / "journal")) as replayed:
            for table in _TABLES:
                if _content(connection, table) != _content(replayed, table):
                    yield f"Journal and catalogue of {root} do not agree on {table}"
        named = catalog.files(connection)
        for table in ("objects", "versions", "parts"):
            for file, size, etag in connection.execute(
                f"SELECT file, size, etag FROM {table} WHERE file <> ''"  # noqa: S608 - from above
            ):
                yield from _body(root / "data" / file[:2] / file, size, etag)
    present = {path.name for path in (root / "data").glob("*/*")}
    for file in present - set(named):
        yield f"The body {file} belongs to no object"
    for path in (root / "incoming").iterdir():
        yield f"{path} is half written"
    if (root / "lost").exists():
        yield f"{root} has lost bodies"


def _body(path: Path, size: int, etag: str) -> Iterator[str]:
    if not path.exists():
        yield f"The body {path} is missing"
    elif path.stat().st_size != size:
        yield f"The body {path} has {path.stat().st_size} bytes instead of {size}"
    elif "-" not in etag and size <= _READ_AT_MOST:
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if md5 != etag:
            yield f"The body {path} is not what its ETag {etag} says"


def _replayed(journal: Path) -> sqlite3.Connection:
    connection = catalog.connect(Path(":memory:"))
    for line in journal.read_bytes().splitlines(keepends=True)[1:]:
        record = _decode(line)
        assert record is not None, f"{journal} is damaged: {line[:100]!r}"
        records.apply(connection, record)
    return connection


def _content(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608 - from above
