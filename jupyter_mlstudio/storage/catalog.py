"""The catalogue of an object store: what ``objects.db`` holds and how it is read.

What is written here, :mod:`.records` writes. Keys are compared as UTF-8 bytes, as S3 lists them.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

VERSION = 3
"""Of the tables below. There are no migrations: another version is built from the journal."""

TABLES = (
    "meta", "buckets", "configurations", "objects", "versions", "events", "uploads", "parts"
)  # fmt: skip

NULL_VERSION = "null"
"""What was written while versioning was not enabled; there is at most one of a key."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, region TEXT NOT NULL, created REAL NOT NULL, versioning TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS configurations (
    bucket TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, details TEXT NOT NULL,
    version TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, details TEXT NOT NULL,
    version TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (bucket, key, number DESC)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS versions_by_id ON versions (bucket, key, version);
CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY, event TEXT NOT NULL);
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
    """A bucket; ``created`` is seconds since the epoch.

    ``versioning`` is ``Enabled`` or ``Suspended``, or None if it never was enabled.
    """

    name: str
    region: str
    created: float
    versioning: str | None = None


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
    """One version of an object; ``modified`` is seconds since the epoch.

    ``number`` orders the versions of a key, the newest has the greatest. A delete marker has no
    ``file``. ``latest`` says whether this is what the key stands for now.
    """

    key: str
    file: str
    size: int
    etag: str
    modified: float
    details: Details
    version: str = NULL_VERSION
    number: int = 0
    latest: bool = True

    @property
    def is_marker(self) -> bool:
        """Whether this is a delete marker."""
        return not self.file


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


# Reading ---------------------------------------------------------------------------------------


_BUCKET = "SELECT name, region, created, versioning FROM buckets"


def buckets(connection: sqlite3.Connection) -> list[Bucket]:
    """Return every bucket by name."""
    return [Bucket(*row) for row in connection.execute(f"{_BUCKET} ORDER BY name")]


def bucket(connection: sqlite3.Connection, name: str) -> Bucket | None:
    """Return a bucket, or None."""
    row = connection.execute(f"{_BUCKET} WHERE name = ?", (name,)).fetchone()
    return Bucket(*row) if row else None


def configuration(connection: sqlite3.Connection, bucket: str, name: str) -> str | None:
    """Return a configuration of a bucket as it was put, or None."""
    row = connection.execute(
        "SELECT value FROM configurations WHERE bucket = ? AND name = ?", (bucket, name)
    ).fetchone()
    return str(row[0]) if row else None


def configured(connection: sqlite3.Connection, name: str) -> list[tuple[str, str]]:
    """Return every bucket that has the configuration, with it."""
    query = "SELECT bucket, value FROM configurations WHERE name = ? ORDER BY bucket"
    return connection.execute(query, (name,)).fetchall()


_COLUMNS = "key, file, size, etag, modified, details, version, number"
_ENTRY = f"SELECT {_COLUMNS} FROM objects"
# A version that is no object is the latest of its key if there is no object and nothing newer.
_ALL = f"""
SELECT {_COLUMNS}, 1 AS latest FROM objects WHERE bucket = :bucket AND {{0}}
UNION ALL
SELECT {_COLUMNS},
    NOT EXISTS (SELECT 1 FROM objects WHERE bucket = v.bucket AND key = v.key)
    AND NOT EXISTS (SELECT 1 FROM versions WHERE bucket = v.bucket AND key = v.key
                    AND number > v.number)
FROM versions AS v WHERE bucket = :bucket AND {{0}}
"""


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


def version(connection: sqlite3.Connection, bucket: str, key: str, version: str) -> Entry | None:
    """Return a version of an object or a delete marker, or None."""
    row = connection.execute(
        _ALL.format("key = :key AND version = :version"),
        {"bucket": bucket, "key": key, "version": version},
    ).fetchone()
    return _entry(row) if row else None


def newest(connection: sqlite3.Connection, bucket: str, key: str) -> Entry | None:
    """Return the latest version of a key, which may be a delete marker, or None."""
    row = connection.execute(
        _ALL.format("key = :key") + "ORDER BY number DESC LIMIT 1", {"bucket": bucket, "key": key}
    ).fetchone()
    return _entry(row) if row else None


def versions(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    start: str,
    inclusive: bool,
    below: int | None,
    limit: int,
) -> list[Entry]:
    """Return up to ``limit`` versions by key, the newest of each first, from ``start`` on.

    Without ``inclusive``, of ``start`` itself only the versions numbered less than ``below``.
    """
    position = "key >= :start" if inclusive else "key > :start"
    if below is not None:
        position = "(key, -number) > (:start, -:below)"
    rows = connection.execute(
        _ALL.format(f"key >= :start AND {position}") + "ORDER BY key, number DESC LIMIT :limit",
        {"bucket": bucket, "start": start, "below": below, "limit": limit},
    )
    return [_entry(row) for row in rows]


def is_empty(connection: sqlite3.Connection, bucket: str) -> bool:
    """Say whether a bucket has no objects, nor versions or delete markers of any."""
    query = (
        "SELECT 1 FROM objects WHERE bucket = :b UNION ALL SELECT 1 FROM versions WHERE bucket = :b"
    )
    return connection.execute(f"{query} LIMIT 1", {"b": bucket}).fetchone() is None


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
    rows = connection.execute(
        "SELECT file FROM objects UNION ALL SELECT file FROM parts"
        " UNION ALL SELECT file FROM versions WHERE file <> ''"
    )
    return {file for (file,) in rows}


def size(connection: sqlite3.Connection) -> int:
    """Return how many rows a snapshot would have."""
    query = (
        "SELECT (SELECT count(*) FROM buckets) + (SELECT count(*) FROM objects)"
        " + (SELECT count(*) FROM uploads) + (SELECT count(*) FROM parts)"
        " + (SELECT count(*) FROM versions) + (SELECT count(*) FROM configurations)"
        " + (SELECT count(*) FROM events)"
    )
    return int(connection.execute(query).fetchone()[0])


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything, to replay a journal from its start."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")


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
    key, file, size, etag, modified, details, version, number, *latest = row
    said = Details.load(details)
    return Entry(key, file, size, etag, modified, said, version, number, bool(*latest or (1,)))


def _upload(row: Any) -> Upload:  # noqa: ANN401 - a row of sqlite3
    upload, bucket, key, created, details = row
    return Upload(upload, bucket, key, created, Details.load(details))
