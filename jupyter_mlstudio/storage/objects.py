"""The embedded object store: buckets, and objects whose bodies are plain files.

A body is written to a file of its own and never changed; what the journal and the catalogue say
decides which file is the object, so an overwrite is a new file and one record. Whatever was
acknowledged is on disk before.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.wire.errors import AWSError

from . import catalog, events, names, records
from .catalog import Bucket, Details, Entry
from .decisions import (
    ALWAYS,
    DELETE,
    PUT,
    Conditions,
    Removed,
    find_bucket,
    find_entry,
    now,
    placing,
    remove,
)
from .events import Cause
from .files import Incoming, ObjectFiles
from .journal import Record
from .recovery import recover
from .writer import Decision, T, Writer, discarding

_COPY = Cause("ObjectCreated", "Copy")
_TAG = Cause("ObjectTagging", "Put")

log = logging.getLogger(__name__)


class ObjectStore:
    """The one writer of the object store at ``root``.

    ``broken()`` is called, from another thread, when the store has to be closed and opened anew.
    Thread-safe. Methods return when what they did is durable, and raise
    :class:`~jupyter_mlstudio.wire.errors.AWSError` with the codes of S3.

    Raises
    ------
    StoreInUse
        If another process has it open.
    """

    def __init__(self, root: Path, broken: Callable[[], None] = lambda: None) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.files = ObjectFiles(root)
        self._root = root
        self._lock = _lock(root)
        self._unclean = root / "running"
        try:
            connection, journal = recover(self.files, swept=not self._unclean.exists())
        except BaseException:
            os.close(self._lock)
            raise
        self._unclean.touch()
        self._connection, self._journal = connection, journal
        self._writer = Writer(connection, journal, self.files.remove, broken)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Finish what is under way and let another process have the store."""
        self._writer.close()
        for connection in [*self._readers, self._connection]:
            connection.close()
        self._journal.close()
        if not self._writer.unclean:
            self._unclean.unlink(missing_ok=True)
        os.close(self._lock)

    @property
    def reading(self) -> sqlite3.Connection:
        """This thread's own connection to the catalogue, for reading."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = catalog.connect(self._root / "objects.db", read_only=True)
            self._local.connection = connection
            self._readers.append(connection)
        return connection

    def write(self, decision: Decision[T]) -> T:
        """Make a change: see :class:`~.writer.Writer`."""
        return self._writer.write(decision)

    # Buckets -----------------------------------------------------------------------------------

    def buckets(self) -> list[Bucket]:
        """Return every bucket by name."""
        return catalog.buckets(self.reading)

    def bucket(self, name: str) -> Bucket:
        """Return a bucket, or raise ``NoSuchBucket``."""
        return find_bucket(self.reading, name)

    def create_bucket(self, name: str, region: str) -> Bucket:
        """Make a bucket.

        Making one's own bucket again is an error, but not from us-east-1 in us-east-1, as in S3.
        """
        names.check_bucket(name)
        new = Bucket(name, region, now())

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], Bucket]:
            present = catalog.bucket(connection, name)
            if present is None:
                return [records.put_bucket(new)], new
            if present.region == region == "us-east-1":
                return [], present
            raise AWSError(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own"
                " it.",
                status=409,
                fields={"BucketName": name},
            )

        return self.write(decide)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket, and the multipart uploads to it."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
            versioned = find_bucket(connection, name).versioning is not None
            if not catalog.is_empty(connection, name):
                raise AWSError(
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty"
                    + (". You must delete all versions in the bucket." if versioned else ""),
                    status=409,
                    fields={"BucketName": name},
                )
            started = catalog.uploads(connection, name)
            changes = [records.drop_upload(upload.id) for upload in started]
            return [*changes, records.drop_bucket(name)], None

        self.write(decide)

    def set_versioning(self, name: str, status: str) -> None:
        """Enable or suspend (``Enabled``, ``Suspended``) the versioning of a bucket."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
            present = find_bucket(connection, name)
            if present.versioning == status:
                return [], None
            return [records.put_bucket(replace(present, versioning=status))], None

        self.write(decide)

    def configuration(self, bucket: str, name: str) -> str | None:
        """Return a configuration of a bucket as it was put, or None."""
        self.bucket(bucket)
        return catalog.configuration(self.reading, bucket, name)

    def configure(self, bucket: str, name: str, value: str | None) -> None:
        """Keep a configuration of a bucket; None deletes it."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
            find_bucket(connection, bucket)
            if value is None and catalog.configuration(connection, bucket, name) is None:
                return [], None
            return [records.configure(bucket, name, value)], None

        self.write(decide)

    # Objects -----------------------------------------------------------------------------------

    def get(self, bucket: str, key: str, version: str | None = None) -> Entry:
        """Return an object or a version of it: see :func:`~.decisions.find_entry`."""
        return find_entry(self.reading, bucket, key, version)

    def find(self, bucket: str, key: str) -> Entry | None:
        """Return an object, or None; raise ``NoSuchBucket``."""
        find_bucket(self.reading, bucket)
        return catalog.entry(self.reading, bucket, key)

    def find_version(self, bucket: str, key: str, version: str) -> Entry | None:
        """Return a version of an object or a delete marker, or None."""
        return catalog.version(self.reading, bucket, key, version)

    def path(self, entry: Entry) -> Path:
        """Return the file that is the object's body."""
        return self.files.path(entry.file)

    def put(
        self,
        bucket: str,
        key: str,
        body: Incoming,
        etag: str,
        details: Details,
        conditions: Conditions = ALWAYS,
        cause: Cause = PUT,
    ) -> Entry:
        """Make ``body`` the object ``key``; it is discarded if that fails."""
        with discarding(body):
            names.check_key(key)
            self.bucket(bucket)
            body.publish()
            entry = Entry(key, body.id, body.size, etag, now(), details)
            return self.write(placing(bucket, entry, conditions, cause))

    def copy(
        self,
        source: Entry,
        target: tuple[str, str],
        details: Details,
        conditions: Conditions = ALWAYS,
        cause: Cause = _COPY,
    ) -> Entry:
        """Make ``target`` (bucket, key) the same bytes as ``source``, without copying them.

        ``details`` are what the new object is said to be. FileNotFoundError: the source was
        deleted meanwhile.
        """
        names.check_key(target[1])
        self.bucket(target[0])
        body = self.files.new()
        with discarding(body):
            body.share(self.path(source))
            reached("s3.copy.linked")
            entry = Entry(target[1], body.id, source.size, source.etag, now(), details)
            return self.write(placing(target[0], entry, conditions, cause))

    def delete(
        self,
        bucket: str,
        key: str,
        version: str | None = None,
        conditions: Conditions = ALWAYS,
        cause: Cause = DELETE,
    ) -> Removed:
        """Delete an object or a version of it; that there is none is no error."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], Removed]:
            home = find_bucket(connection, bucket)
            return remove(connection, home, key, version, conditions, cause)

        return self.write(decide)

    def delete_many(
        self,
        bucket: str,
        wishes: Sequence[tuple[str, str | None, Conditions]],
        cause: Cause = DELETE,
    ) -> list[Removed | AWSError]:
        """Delete objects by (key, version, conditions) in one change; say what came of each.

        That there is no such object is no error, unless an ETag was asked for.
        """

        def decide(
            connection: sqlite3.Connection,
        ) -> tuple[list[Record], list[Removed | AWSError]]:
            home = find_bucket(connection, bucket)
            changes: list[Record] = []
            outcomes: list[Removed | AWSError] = []
            for key, version, conditions in wishes:
                try:
                    wanted, removed = remove(connection, home, key, version, conditions, cause)
                except AWSError as error:
                    outcomes.append(error)
                    continue
                changes += wanted
                outcomes.append(removed)
            return changes, outcomes

        return self.write(decide)

    def tag(
        self,
        bucket: str,
        key: str,
        tags: dict[str, str],
        version: str | None = None,
        cause: Cause = _TAG,
    ) -> Entry:
        """Replace the tags of an object or a version of it; its body and time stay."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], Entry]:
            present = find_entry(connection, bucket, key, version)
            home = find_bucket(connection, bucket)
            details = replace(present.details, tags=tags)
            event = events.happened(connection, home, cause, present, gone=False)
            return [records.describe(bucket, key, present.version, details), *event], present

        return self.write(decide)


class StoreInUse(Exception):
    """Another process is the writer of this object store."""


def _lock(root: Path) -> int:
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode() or "unknown"
        os.close(descriptor)
        message = f"The object store at {root} is open in another process (pid {owner})"
        raise StoreInUse(message) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
