"""What a write does, decided where it is made: on the catalogue as it is at that moment.

A bucket whose versioning never was enabled has the ``null`` version of each key only. While
versioning is enabled every write is a version of its own; while it is suspended, writes are the
``null`` version again, and what else there is stays.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from dataclasses import dataclass, replace

from jupyter_mlstudio.wire.errors import AWSError

from . import catalog, events, records
from .catalog import NULL_VERSION, Bucket, Details, Entry
from .events import Cause
from .journal import Record
from .writer import Decision

_VERSION = re.compile(r"[0-9a-f]{32}|null")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold of the present object for a write to happen.

    ``if_match`` is the ETag it must have (``*``: any object), ``if_none_match`` (only ``*``
    exists) that there is none.
    """

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, present: Entry | None) -> None:
        """Raise the error of S3 unless the conditions hold."""
        if self.if_none_match is not None and present is not None:
            raise precondition_failed("If-None-Match")
        if self.if_match is None:
            return
        if present is None:
            raise no_such_key()
        if self.if_match.strip('"') not in ("*", present.etag):
            raise precondition_failed("If-Match")


ALWAYS = Conditions()
PUT = Cause("ObjectCreated", "Put")
DELETE = Cause("ObjectRemoved", "Delete")


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deletion did.

    ``version`` is the version that was deleted or, when a delete marker was made (``marked``),
    that of the marker; None where there are no versions. ``marker`` says that it is or was a
    delete marker.
    """

    version: str | None = None
    marker: bool = False
    marked: bool = False


class Refused(AWSError):
    """An error that says more in ``headers``."""

    def __init__(self, error: AWSError, headers: dict[str, str]) -> None:
        super().__init__(error.code, error.message, status=error.status, fields=error.fields)
        self.headers = headers


def placing(
    bucket: str, entry: Entry, conditions: Conditions = ALWAYS, cause: Cause = PUT
) -> Decision[Entry]:
    """Return the decision to make ``entry`` the object of its key."""

    def decide(connection: sqlite3.Connection) -> tuple[list[Record], Entry]:
        home = find_bucket(connection, bucket)
        if conditions is not ALWAYS:
            conditions.check(catalog.entry(connection, bucket, entry.key))
        placed = _numbered(connection, home, entry)
        event = events.happened(connection, home, cause, placed, gone=False)
        return [records.put_object(bucket, placed), *event], placed

    return decide


def remove(
    connection: sqlite3.Connection,
    bucket: Bucket,
    key: str,
    version: str | None,
    conditions: Conditions = ALWAYS,
    cause: Cause = DELETE,
) -> tuple[list[Record], Removed]:
    """Return the records that delete an object, and what they do.

    Without a version, and where there are versions, that is a delete marker in front of them.
    """
    if conditions.if_match is not None:
        conditions.check(catalog.entry(connection, bucket.name, key))
    if version is not None:
        check_version(version)
        found = catalog.version(connection, bucket.name, key, version)
        if found is None:
            return [], Removed(version)
        event = events.happened(connection, bucket, cause, found, gone=True)
        dropped = records.drop_version(bucket.name, key, version)
        return [dropped, *event], Removed(version, marker=found.is_marker)
    if bucket.versioning is None:
        present = catalog.entry(connection, bucket.name, key)
        if present is None:
            return [], Removed()
        event = events.happened(connection, bucket, cause, present, gone=True)
        return [records.drop_object(bucket.name, key), *event], Removed()
    marker = _numbered(connection, bucket, Entry(key, "", 0, "", now(), Details()))
    marked = replace(cause, how="DeleteMarkerCreated")
    event = events.happened(connection, bucket, marked, marker, gone=True)
    return [records.put_object(bucket.name, marker), *event], Removed(marker.version, True, True)


def find_bucket(connection: sqlite3.Connection, name: str) -> Bucket:
    """Return a bucket, or raise ``NoSuchBucket``."""
    bucket = catalog.bucket(connection, name)
    if bucket is None:
        raise AWSError(
            "NoSuchBucket",
            "The specified bucket does not exist",
            status=404,
            fields={"BucketName": name},
        )
    return bucket


def find_entry(
    connection: sqlite3.Connection, bucket: str, key: str, version: str | None = None
) -> Entry:
    """Return an object or a version of it.

    Raises
    ------
    AWSError
        ``NoSuchBucket``, ``NoSuchKey``, ``NoSuchVersion``, or ``MethodNotAllowed`` for a version
        that is a delete marker.
    """
    if version is None:
        entry = catalog.entry(connection, bucket, key)
        if entry is not None:
            return entry
        find_bucket(connection, bucket)
        marker = catalog.newest(connection, bucket, key)
        if marker is None:
            raise no_such_key()
        raise Refused(no_such_key(), _marker_headers(marker))
    check_version(version)
    entry = catalog.version(connection, bucket, key, version)
    if entry is None:
        find_bucket(connection, bucket)
        raise AWSError(
            "NoSuchVersion",
            "The specified version does not exist.",
            status=404,
            fields={"Key": key, "VersionId": version},
        )
    if entry.is_marker:
        message = "The specified method is not allowed against this resource."
        refused = AWSError("MethodNotAllowed", message, status=405)
        raise Refused(refused, {**_marker_headers(entry), "Allow": "DELETE"})
    return entry


def check_version(version: str) -> None:
    """Raise ``InvalidArgument`` for what cannot be the id of a version."""
    if not _VERSION.fullmatch(version):
        raise AWSError(
            "InvalidArgument",
            "Invalid version id specified",
            status=400,
            fields={"ArgumentName": "versionId", "ArgumentValue": version[:1024]},
        )


def version_number(version: str) -> int | None:
    """Return the number in the id of a version that may be gone; None for ``null``."""
    check_version(version)
    return None if version == NULL_VERSION else int(version[:16], 16)


def no_such_key() -> AWSError:
    """Return the error for an object that is not there."""
    return AWSError("NoSuchKey", "The specified key does not exist.", status=404)


def precondition_failed(condition: str) -> AWSError:
    """Return the error for a condition header that does not hold."""
    return AWSError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        status=412,
        fields={"Condition": condition},
    )


def now() -> float:
    """Return the time in seconds since the epoch, to the millisecond."""
    return round(time.time(), 3)


def _numbered(connection: sqlite3.Connection, bucket: Bucket, entry: Entry) -> Entry:
    """Return ``entry`` as the newest version of its key."""
    if bucket.versioning is None:
        return entry
    newest = catalog.newest(connection, bucket.name, entry.key)
    # Clocks go back at times.
    number = max(time.time_ns(), newest.number + 1 if newest else 0)
    version = NULL_VERSION
    if bucket.versioning == "Enabled":
        version = f"{number:016x}{secrets.token_hex(8)}"
    return replace(entry, version=version, number=number)


def _marker_headers(marker: Entry) -> dict[str, str]:
    return {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version}
