"""What changes an object store: records, as the journal keeps them.

:func:`apply` is the only code that writes to the catalogue, so replaying the records of a journal
makes the same catalogue again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict

from . import catalog
from .catalog import NULL_VERSION, Bucket, Details, Entry, Part, Upload
from .journal import Record

_COLUMNS = "bucket, key, file, size, etag, modified, details, version, number"
_VALUES = ":bucket, :key, :file, :size, :etag, :modified, :details, :version, :number"


def put_bucket(bucket: Bucket) -> Record:
    """Return the record of a new bucket, or of one whose versioning has changed."""
    return {"do": "put_bucket", **asdict(bucket)}


def drop_bucket(name: str) -> Record:
    """Return the record of a deleted bucket."""
    return {"do": "drop_bucket", "name": name}


def configure(bucket: str, name: str, value: str | None) -> Record:
    """Return the record of a configuration of a bucket; None deletes it."""
    return {"do": "configure", "bucket": bucket, "name": name, "value": value}


def put_object(bucket: str, entry: Entry) -> Record:
    """Return the record of a new version of a key, a delete marker perhaps.

    It takes the place of a version of the same id; what was the latest stays as a version.
    """
    record = {"do": "put_object", "bucket": bucket, **asdict(entry)}
    del record["latest"]
    return {**record, "details": entry.details.dump()}


def drop_object(bucket: str, key: str) -> Record:
    """Return the record of an object deleted where there are no versions."""
    return {"do": "drop_object", "bucket": bucket, "key": key}


def drop_version(bucket: str, key: str, version: str) -> Record:
    """Return the record of a version deleted for good; the next older becomes the latest."""
    return {"do": "drop_version", "bucket": bucket, "key": key, "version": version}


def describe(bucket: str, key: str, version: str, details: Details) -> Record:
    """Return the record of new details of a version."""
    where = {"bucket": bucket, "key": key, "version": version}
    return {"do": "describe", **where, "details": details.dump()}


def put_event(number: int, event: str) -> Record:
    """Return the record of an event; its position is ``number`` or behind the newest there is."""
    return {"do": "put_event", "number": number, "event": event}


def drop_events(position: int) -> Record:
    """Return the record that forgets the events up to ``position``."""
    return {"do": "drop_events", "position": position}


def put_upload(upload: Upload) -> Record:
    """Return the record of a started multipart upload."""
    return {"do": "put_upload", **asdict(upload), "details": upload.details.dump()}


def drop_upload(upload: str) -> Record:
    """Return the record of an aborted or completed multipart upload."""
    return {"do": "drop_upload", "id": upload}


def put_part(upload: str, part: Part) -> Record:
    """Return the record of an uploaded part."""
    return {"do": "put_part", "upload": upload, **asdict(part)}


def snapshot(connection: sqlite3.Connection) -> Iterator[Record]:
    """Yield records that make this catalogue from nothing."""
    for row in catalog.buckets(connection):
        yield put_bucket(row)
        for started in catalog.uploads(connection, row.name):
            yield put_upload(started)
            for part in catalog.parts(connection, started.id):
                yield put_part(started.id, part)
    for values in connection.execute("SELECT bucket, name, value FROM configurations"):
        yield configure(*values)
    names = _COLUMNS.split(", ")
    # The oldest version of a key first, so that each makes those before it versions.
    for values in connection.execute(
        f"SELECT {_COLUMNS} FROM versions UNION ALL SELECT {_COLUMNS} FROM objects"
        " ORDER BY bucket, key, number"
    ):
        yield {"do": "put_object", **dict(zip(names, values, strict=True))}
    for values in connection.execute("SELECT position, event FROM events ORDER BY position"):
        yield put_event(*values)


def apply(connection: sqlite3.Connection, record: Record) -> list[str]:
    """Make the change of ``record`` and return the ids of the files nobody needs any more."""
    return _CHANGES[record["do"]](connection, record)


def _put_bucket(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute(
        "REPLACE INTO buckets VALUES (:name, :region, :created, :versioning)",
        {"versioning": None, **record},
    )
    return []


def _drop_bucket(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute("DELETE FROM buckets WHERE name = :name", record)
    connection.execute("DELETE FROM configurations WHERE bucket = :name", record)
    return []


def _configure(connection: sqlite3.Connection, record: Record) -> list[str]:
    if record["value"] is None:
        query = "DELETE FROM configurations WHERE bucket = :bucket AND name = :name"
    else:
        query = "REPLACE INTO configurations VALUES (:bucket, :name, :value)"
    connection.execute(query, record)
    return []


def _put_object(connection: sqlite3.Connection, record: Record) -> list[str]:
    # Records from before there were versions do not name any.
    record = {"version": NULL_VERSION, "number": 0, **record}
    where = "bucket = :bucket AND key = :key"
    freed = connection.execute(
        f"DELETE FROM versions WHERE {where} AND version = :version RETURNING file", record
    ).fetchall()
    connection.execute(
        f"INSERT INTO versions ({_COLUMNS}) SELECT {_COLUMNS} FROM objects"
        f" WHERE {where} AND version <> :version",
        record,
    )
    freed += connection.execute(
        f"SELECT file FROM objects WHERE {where} AND version = :version", record
    ).fetchall()
    if record["file"]:
        connection.execute(f"REPLACE INTO objects ({_COLUMNS}) VALUES ({_VALUES})", record)
    else:
        connection.execute(f"DELETE FROM objects WHERE {where}", record)
        connection.execute(f"INSERT INTO versions ({_COLUMNS}) VALUES ({_VALUES})", record)
    return [file for (file,) in freed if file not in ("", record["file"])]


def _drop_object(connection: sqlite3.Connection, record: Record) -> list[str]:
    freed = connection.execute(
        "DELETE FROM objects WHERE bucket = :bucket AND key = :key RETURNING file", record
    )
    return [file for (file,) in freed.fetchall()]


def _drop_version(connection: sqlite3.Connection, record: Record) -> list[str]:
    where = "bucket = :bucket AND key = :key"
    freed = [
        file
        for table in ("objects", "versions")
        for (file,) in connection.execute(
            f"DELETE FROM {table} WHERE {where} AND version = :version RETURNING file", record
        ).fetchall()
    ]
    left = f"SELECT {_COLUMNS} FROM versions WHERE {where} ORDER BY number DESC LIMIT 1"
    moved = connection.execute(
        f"INSERT INTO objects ({_COLUMNS}) SELECT {_COLUMNS} FROM ({left}) WHERE file <> ''"
        f" AND NOT EXISTS (SELECT 1 FROM objects WHERE {where}) RETURNING version",
        record,
    ).fetchall()
    for (version,) in moved:
        connection.execute(
            f"DELETE FROM versions WHERE {where} AND version = :version",
            {**record, "version": version},
        )
    return [file for file in freed if file]


def _describe(connection: sqlite3.Connection, record: Record) -> list[str]:
    for table in ("objects", "versions"):
        connection.execute(
            f"UPDATE {table} SET details = :details"
            " WHERE bucket = :bucket AND key = :key AND version = :version",
            record,
        )
    return []


def _put_event(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute(
        "INSERT INTO events VALUES"
        " (max(:number, 1 + coalesce((SELECT max(position) FROM events), 0)), :event)",
        record,
    )
    return []


def _drop_events(connection: sqlite3.Connection, record: Record) -> list[str]:
    connection.execute("DELETE FROM events WHERE position <= :position", record)
    return []


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
    "configure": _configure,
    "put_object": _put_object,
    "drop_object": _drop_object,
    "drop_version": _drop_version,
    "describe": _describe,
    "put_event": _put_event,
    "drop_events": _drop_events,
    "put_upload": _put_upload,
    "drop_upload": _drop_upload,
    "put_part": _put_part,
}
