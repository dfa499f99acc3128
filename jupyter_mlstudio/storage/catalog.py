"""The catalogue of an object store: what ``objects.db`` holds and how it is read.

Every change is a *record* (a JSON object, see :mod:`.journal`); :func:`apply` is the only code
that writes. Keys are compared as UTF-8 bytes, as S3 lists them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .journal import Record

VERSION = 1
"""Of the tables below. There are no migrations: another version is built from the journal."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, region TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, details TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL,
    details TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, checksum TEXT,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket; ``created`` is seconds since the epoch."""

    name: str
    region: str
    created: float


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part; ``checksum`` is base64, by the algorithm of its upload."""

    number: int
    file: str
    size: int
    etag: str
    modified: float
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What a client said of an object.

    ``headers`` are content headers by AWS's member name, ``metadata`` is the user's, ``checksum``
    is base64 (with ``-N`` when composite) by ``algorithm`` (``CRC32`` ...), ``checksum_type`` is
    ``FULL_OBJECT`` or ``COMPOSITE``, ``parts`` are (size, checksum) of the parts of a multipart
    upload.
    """

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    algorithm: str | None = None
    checksum: str | None = None
    checksum_type: str | None = None
    parts: tuple[tuple[int, str | None], ...] = ()

    @staticmethod
    def load(text: str) -> Details:
        """Read what :meth:`dump` wrote."""
        document = json.loads(text)
        parts = tuple((size, checksum) for size, checksum in document.pop("parts", ()))
        return Details(**document, parts=parts)

    def dump(self) -> str:
        """Return the details as JSON, without what is empty."""
        document = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(document, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a bucket; ``modified`` is seconds since the epoch."""

    key: str
    file: str
    size: int
    etag: str
    modified: float
    details: Details


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is neither complete nor aborted."""

    id: str
    bucket: str
    key: str
    created: float
    details: Details


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the catalogue; the one writer makes what is not there."""
    if read_only:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=10, check_same_thread=False
        )
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    # The journal is synced before each commit, so a commit lost to a power cut is replayed.
    connection.execute("PRAGMA synchronous=NORMAL")
    if connection.execute("PRAGMA user_version").fetchone() == (0,):
        connection.executescript(f"{_SCHEMA} PRAGMA user_version = {VERSION};")
    return connection


# Records: what changes a store -----------------------------------------------------------------


def put_bucket(bucket: Bucket) -> Record:
    """Return the record of a new bucket."""
    return {"do": "put_bucket", **asdict(bucket)}


def drop_bucket(name: str) -> Record:
    """Return the record of a deleted bucket."""
    return {"do": "drop_bucket", "name": name}


def put_object(bucket: str, entry: Entry) -> Record:
    """Return the record of a written object."""
    record = {"do": "put_object", "bucket": bucket, **asdict(entry)}
    return {**record, "details": entry.details.dump()}


def drop_object(bucket: str, key: str) -> Record:
    """Return the record of a deleted object."""
    return {"do": "drop_object", "bucket": bucket, "key": key}


def put_upload(upload: Upload) -> Record:
    """Return the record of a started multipart upload."""
    return {"do": "put_upload", **asdict(upload), "details": upload.details.dump()}


def drop_upload(upload: str) -> Record:
    """Return the record of an aborted or completed multipart upload."""
    return {"do": "drop_upload", "id": upload}


def put_part(upload: str, part: Part) -> Record:
    """Return the record of an uploaded part."""
    return {"do": "put_part", "upload": upload, **asdict(part)}


def apply(connection: sqlite3.Connection, record: Record) -> list[str]:
    """Make the change of ``record`` and return the ids of the files nobody needs any more.

    A file that ``put_object`` writes again (new tags on the same body) is still needed.
    """
    return _CHANGES[record["do"]](connection, record)


def _put_bucket(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute("REPLACE INTO buckets VALUES (:name, :region, :created)", record)
    return []


def _drop_bucket(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute("DELETE FROM buckets WHERE name = :name", record)
    return []


def _put_object(connection: sqlite3.Connection, record: Record) -> list[str]:
    freed = connection.execute(
        "SELECT file FROM objects WHERE bucket = :bucket AND key = :key AND file <> :file", record
    ).fetchall()
    connection.execute(
        "REPLACE INTO objects VALUES (:bucket, :key, :file, :size, :etag, :modified, :details)",
        record,
    )
    return [file for (file,) in freed]


def _drop_object(connection: sqlite3.Connection, record: Record) -> list[str]:
    freed = connection.execute(
        "DELETE FROM objects WHERE bucket = :bucket AND key = :key RETURNING file", record
    )
    return [file for (file,) in freed.fetchall()]


def _put_upload(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute(
        "REPLACE INTO uploads VALUES (:id, :bucket, :key, :created, :details)", record
    )
    return []


def _drop_upload(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute("DELETE FROM uploads WHERE id = :id", record)
    freed = connection.execute("DELETE FROM parts WHERE upload = :id RETURNING file", record)
    return [file for (file,) in freed.fetchall()]


def _put_part(connection: sqlite3.Connection, record: Record) -> list[str]:
    freed = connection.execute(
        "SELECT file FROM parts WHERE upload = :upload AND number = :number", record
    ).fetchall()
    connection.execute(
        "REPLACE INTO parts VALUES (:upload, :number, :file, :size, :etag, :modified, :checksum)",
        record,
    )
    return [file for (file,) in freed]


_CHANGES: dict[str, Callable[[sqlite3.Connection, Record], list[str]]] = {
    "put_bucket": _put_bucket,
    "drop_bucket": _drop_bucket,
    "put_object": _put_object,
    "drop_object": _drop_object,
    "put_upload": _put_upload,
    "drop_upload": _drop_upload,
    "put_part": _put_part,
}


# Reading ---------------------------------------------------------------------------------------


def buckets(connection: sqlite3.Connection) -> list[Bucket]:
    """Return every bucket by name."""
    rows = connection.execute("SELECT name, region, created FROM buckets ORDER BY name")
    return [Bucket(*row) for row in rows]


def bucket(connection: sqlite3.Connection, name: str) -> Bucket | None:
    """Return a bucket, or None."""
    row = connection.execute(
        "SELECT name, region, created FROM buckets WHERE name = ?", (name,)
    ).fetchone()
    return Bucket(*row) if row else None


_ENTRY = "SELECT key, file, size, etag, modified, details FROM objects"


def entry(connection: sqlite3.Connection, bucket: str, key: str) -> Entry | None:
    """Return an object, or None."""
    row = connection.execute(f"{_ENTRY} WHERE bucket = ? AND key = ?", (bucket, key)).fetchone()
    return _entry(row) if row else None


def entries(
    connection: sqlite3.Connection, bucket: str, *, start: str, inclusive: bool, limit: int
) -> list[Entry]:
    """Return up to ``limit`` objects by key, from ``start`` on."""
    comparison = ">=" if inclusive else ">"
    rows = connection.execute(
        f"{_ENTRY} WHERE bucket = ? AND key {comparison} ? ORDER BY key LIMIT ?",
        (bucket, start, limit),
    )
    return [_entry(row) for row in rows]


def is_empty(connection: sqlite3.Connection, bucket: str) -> bool:
    """Say whether a bucket has no objects."""
    query = "SELECT 1 FROM objects WHERE bucket = ? LIMIT 1"
    return connection.execute(query, (bucket,)).fetchone() is None


def upload(connection: sqlite3.Connection, upload: str) -> Upload | None:
    """Return a multipart upload, or None."""
    row = connection.execute(
        "SELECT id, bucket, key, created, details FROM uploads WHERE id = ?", (upload,)
    ).fetchone()
    return _upload(row) if row else None


def uploads(connection: sqlite3.Connection, bucket: str) -> list[Upload]:
    """Return the multipart uploads to a bucket by key, then id."""
    rows = connection.execute(
        "SELECT id, bucket, key, created, details FROM uploads WHERE bucket = ? ORDER BY key, id",
        (bucket,),
    )
    return [_upload(row) for row in rows]


def parts(connection: sqlite3.Connection, upload: str) -> list[Part]:
    """Return the parts of an upload by number."""
    rows = connection.execute(
        "SELECT number, file, size, etag, modified, checksum FROM parts"
        " WHERE upload = ? ORDER BY number",
        (upload,),
    )
    return [Part(*row) for row in rows]


def files(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of every file something refers to."""
    rows = connection.execute("SELECT file FROM objects UNION ALL SELECT file FROM parts")
    return {file for (file,) in rows}


def snapshot(connection: sqlite3.Connection) -> Iterator[Record]:
    """Yield records that make this catalogue from nothing."""
    for row in buckets(connection):
        yield put_bucket(row)
        for started in uploads(connection, row.name):
            yield put_upload(started)
            for part in parts(connection, started.id):
                yield put_part(started.id, part)
    names = ("bucket", "key", "file", "size", "etag", "modified", "details")
    for values in connection.execute(
        "SELECT bucket, key, file, size, etag, modified, details FROM objects"
    ):
        yield {"do": "put_object", **dict(zip(names, values, strict=True))}


def size(connection: sqlite3.Connection) -> int:
    """Return how many rows a snapshot would have."""
    query = (
        "SELECT (SELECT count(*) FROM buckets) + (SELECT count(*) FROM objects)"
        " + (SELECT count(*) FROM uploads) + (SELECT count(*) FROM parts)"
    )
    return int(connection.execute(query).fetchone()[0])


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything, to replay a journal from its start."""
    for table in ("meta", "buckets", "objects", "uploads", "parts"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own


def is_current(connection: sqlite3.Connection) -> bool:
    """Say whether the catalogue has the tables this code knows."""
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row == (VERSION,)


def position(connection: sqlite3.Connection) -> tuple[str, int]:
    """Return up to where in which generation of the journal this catalogue goes."""
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    return str(meta.get("generation", "")), int(meta.get("offset", 0))


def set_position(connection: sqlite3.Connection, generation: str, offset: int) -> None:
    """Write what :func:`position` returns."""
    values = [("generation", generation), ("offset", offset)]
    connection.executemany("REPLACE INTO meta VALUES (?, ?)", values)


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row of sqlite3
    key, file, size, etag, modified, details = row
    return Entry(key, file, size, etag, modified, Details.load(details))


def _upload(row: Any) -> Upload:  # noqa: ANN401 - a row of sqlite3
    upload, bucket, key, created, details = row
    return Upload(upload, bucket, key, created, Details.load(details))
