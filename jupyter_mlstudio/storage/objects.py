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
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_mlstudio.wire.errors import AWSError

from . import catalog, names
from .catalog import Bucket, Details, Entry
from .files import Incoming, ObjectFiles
from .journal import Record
from .recovery import recover
from .writer import Decision, T, Writer

log = logging.getLogger(__name__)


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


class ObjectStore:
    """The one writer of the object store at ``root``.

    Thread-safe. Methods return when what they did is durable, and raise
    :class:`~jupyter_mlstudio.wire.errors.AWSError` with the codes of S3.

    Raises
    ------
    StoreInUse
        If another process has it open.
    """

    def __init__(self, root: Path) -> None:
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
        self._writer = Writer(connection, journal, self.files.remove)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Finish what is under way and let another process have the store."""
        self._writer.close()
        for connection in [*self._readers, self._connection]:
            connection.close()
        self._journal.close()
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
        return _bucket(self.reading, name)

    def create_bucket(self, name: str, region: str) -> Bucket:
        """Make a bucket.

        Making one's own bucket again is an error, but not from us-east-1 in us-east-1, as in S3.
        """
        names.check_bucket(name)
        new = Bucket(name, region, _now())

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], Bucket]:
            present = catalog.bucket(connection, name)
            if present is None:
                return [catalog.put_bucket(new)], new
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
            _bucket(connection, name)
            if not catalog.is_empty(connection, name):
                raise AWSError(
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    status=409,
                    fields={"BucketName": name},
                )
            started = catalog.uploads(connection, name)
            records = [catalog.drop_upload(upload.id) for upload in started]
            return [*records, catalog.drop_bucket(name)], None

        self.write(decide)

    # Objects -----------------------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> Entry:
        """Return an object, or raise ``NoSuchKey`` or ``NoSuchBucket``."""
        return _entry(self.reading, bucket, key)

    def find(self, bucket: str, key: str) -> Entry | None:
        """Return an object, or None; raise ``NoSuchBucket``."""
        _bucket(self.reading, bucket)
        return catalog.entry(self.reading, bucket, key)

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
    ) -> Entry:
        """Make ``body`` the object ``key``; it is discarded if that fails."""
        try:
            names.check_key(key)
            self.bucket(bucket)
            body.publish()
            entry = Entry(key, body.id, body.size, etag, _now(), details)
            return self.write(_placing(bucket, entry, conditions))
        except BaseException:
            body.discard()
            raise

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        details: Callable[[Entry], Details],
        accept: Callable[[Entry], None],
        conditions: Conditions = ALWAYS,
    ) -> Entry:
        """Make ``target`` (bucket, key) the same bytes as ``source``, without copying them.

        ``accept`` raises if the source is not the one the client wants; ``details`` gives what
        the new object is said to be.
        """
        names.check_key(target[1])
        self.bucket(target[0])
        body = self.files.new()
        try:
            present = self.get(*source)
            accept(present)
            body.share(self.path(present))
            entry = replace(
                present, key=target[1], file=body.id, modified=_now(), details=details(present)
            )
            return self.write(_placing(target[0], entry, conditions))
        except BaseException:
            body.discard()
            raise

    def delete(self, bucket: str, key: str, conditions: Conditions = ALWAYS) -> None:
        """Delete an object; that there is none is no error."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
            _bucket(connection, bucket)
            present = catalog.entry(connection, bucket, key)
            if conditions.if_match is not None:
                conditions.check(present)
            return [catalog.drop_object(bucket, key)] if present else [], None

        self.write(decide)

    def delete_many(
        self, bucket: str, wishes: list[tuple[str, Conditions]]
    ) -> list[tuple[str, AWSError | None]]:
        """Delete objects by (key, conditions) in one change; return each key and what stopped it.

        That there is no such object is no error, unless an ETag was asked for.
        """

        def decide(
            connection: sqlite3.Connection,
        ) -> tuple[list[Record], list[tuple[str, AWSError | None]]]:
            records: list[Record] = []
            outcomes: list[tuple[str, AWSError | None]] = []
            for key, conditions in wishes:
                present = catalog.entry(connection, bucket, key)
                try:
                    conditions.check(present)
                except AWSError as error:
                    outcomes.append((key, error))
                    continue
                if present is not None:
                    records.append(catalog.drop_object(bucket, key))
                outcomes.append((key, None))
            return records, outcomes

        return self.write(decide)

    def tag(self, bucket: str, key: str, tags: dict[str, str]) -> None:
        """Replace the tags of an object; its body and time stay."""

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
            present = _entry(connection, bucket, key)
            details = replace(present.details, tags=tags)
            return [catalog.put_object(bucket, replace(present, details=details))], None

        self.write(decide)


class StoreInUse(Exception):
    """Another process is the writer of this object store."""


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


def _placing(bucket: str, entry: Entry, conditions: Conditions) -> Decision[Entry]:
    def decide(connection: sqlite3.Connection) -> tuple[list[Record], Entry]:
        _bucket(connection, bucket)
        if conditions is not ALWAYS:
            conditions.check(catalog.entry(connection, bucket, entry.key))
        return [catalog.put_object(bucket, entry)], entry

    return decide


def _bucket(connection: sqlite3.Connection, name: str) -> Bucket:
    bucket = catalog.bucket(connection, name)
    if bucket is None:
        raise AWSError(
            "NoSuchBucket",
            "The specified bucket does not exist",
            status=404,
            fields={"BucketName": name},
        )
    return bucket


def _entry(connection: sqlite3.Connection, bucket: str, key: str) -> Entry:
    entry = catalog.entry(connection, bucket, key)
    if entry is None:
        _bucket(connection, bucket)
        raise no_such_key()
    return entry


def _now() -> float:
    return round(time.time(), 3)


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
