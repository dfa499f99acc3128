"""What happened to the objects of buckets that send events, for others to read.

An event is a record of the same journal line that makes the change, so there is one if and only if
the change is durable. Readers keep their own place: :meth:`EventReader.after` gives the events
behind it, in the order of the changes, and a reader that stores its place when it has dealt with
them misses none. Events are kept for a week, at most 100 000 of them.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from . import catalog, records
from .catalog import Bucket, Entry
from .journal import Record

KEPT_SECONDS = 7 * 24 * 3600
KEPT_EVENTS = 100_000
_REASONS = {
    "ObjectCreated:Put": ("Object Created", "PutObject"),
    "ObjectCreated:Copy": ("Object Created", "CopyObject"),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload"),
    "ObjectRemoved:Delete": ("Object Deleted", "DeleteObject"),
    "ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject"),
    "LifecycleExpiration:Delete": ("Object Deleted", "Lifecycle Expiration"),
    "LifecycleExpiration:DeleteMarkerCreated": ("Object Deleted", "Lifecycle Expiration"),
    "ObjectTagging:Put": ("Object Tags Added", None),
    "ObjectTagging:Delete": ("Object Tags Deleted", None),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a change is made: the kind of event (``ObjectCreated``), how, and on whose request."""

    kind: str
    how: str
    request_id: str = ""
    requester: str = ""

    @property
    def name(self) -> str:
        """Name of the event, without ``s3:``."""
        return f"{self.kind}:{self.how}"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``position`` orders all of a store, ``time`` is seconds since the epoch.

    ``size`` and ``etag`` are None for deletions, ``version`` where there are no versions.
    """

    position: int
    name: str
    time: float
    region: str
    bucket: str
    key: str
    sequencer: str
    size: int | None = None
    etag: str | None = None
    version: str | None = None
    request_id: str = ""
    requester: str = ""

    def record(self) -> dict[str, Any]:
        """Return an item of ``Records`` of an S3 event message, whose keys are URL-encoded."""
        item = {
            "key": quote_plus(self.key, safe="/"),
            "size": self.size,
            "eTag": self.etag,
            "versionId": self.version,
            "sequencer": self.sequencer,
        }
        return {
            "eventVersion": "2.3",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": self._moment("milliseconds"),
            "eventName": self.name,
            "userIdentity": {"principalId": self.requester},
            "responseElements": {"x-amz-request-id": self.request_id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": self.bucket, "arn": f"arn:aws:s3:::{self.bucket}"},
                "object": _given(item),
            },
        }

    def event_bridge(self, account: str) -> dict[str, Any]:
        """Return the event as EventBridge has it, for buckets of ``account``."""
        kind, reason = _REASONS[self.name]
        item = {
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "version-id": self.version,
            "sequencer": self.sequencer,
        }
        marked = self.name.endswith("DeleteMarkerCreated")
        deletion = "Delete Marker Created" if marked else "Permanently Deleted"
        detail = {
            "version": "0",
            "bucket": {"name": self.bucket},
            "object": _given(item),
            "request-id": self.request_id or None,
            "requester": self.requester or "s3.amazonaws.com",
            "reason": reason,
            "deletion-type": deletion if kind == "Object Deleted" else None,
        }
        return {
            "version": "0",
            # The same event has the same id, however often it is delivered.
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.bucket}/{self.position}")),
            "detail-type": kind,
            "source": "aws.s3",
            "account": account,
            "time": self._moment("seconds"),
            "region": self.region,
            "resources": [f"arn:aws:s3:::{self.bucket}"],
            "detail": _given(detail),
        }

    def _moment(self, precision: str) -> str:
        text = datetime.fromtimestamp(self.time, UTC).isoformat(timespec=precision)
        return text.replace("+00:00", "Z")


class EventReader:
    """Reads the events of the store at ``root`` while another process serves it."""

    def __init__(self, root: Path) -> None:
        self._database = root / "objects.db"

    def after(self, position: int, limit: int = 1000) -> list[Event]:
        """Return up to ``limit`` events behind ``position`` (0: from the oldest that is kept)."""
        if not self._database.exists():
            return []
        with closing(catalog.connect(self._database, read_only=True)) as connection:
            rows = connection.execute(
                "SELECT position, event FROM events WHERE position > ? ORDER BY position LIMIT ?",
                (position, limit),
            ).fetchall()
        return [Event(position=row, **json.loads(text)) for row, text in rows]


def happened(
    connection: sqlite3.Connection, bucket: Bucket, cause: Cause, entry: Entry, *, gone: bool
) -> list[Record]:
    """Return the record of an event, if the bucket sends any.

    ``gone`` says that ``entry`` is what was deleted, or the marker of a deletion.
    """
    text = catalog.configuration(connection, bucket.name, "notification")
    if text is None or "EventBridgeConfiguration" not in json.loads(text):
        return []
    now = time.time_ns()
    event = Event(
        position=0,
        name=cause.name,
        time=round(now / 1e9, 3),
        region=bucket.region,
        bucket=bucket.name,
        key=entry.key,
        sequencer=f"{entry.number or now:016X}",
        size=None if gone else entry.size,
        etag=None if gone else entry.etag,
        version=entry.version if bucket.versioning else None,
        request_id=cause.request_id,
        requester=cause.requester,
    )
    said = _given(asdict(event))
    del said["position"]
    return [records.put_event(now // 1000, json.dumps(said))]


def forget(connection: sqlite3.Connection, now: float) -> list[Record]:
    """Return the record that drops the events kept long enough; the newest always stays."""
    row = connection.execute(
        "SELECT max(position) FROM events WHERE position < (SELECT max(position) FROM events)"
        " AND (position < :oldest OR position <= (SELECT position FROM events"
        " ORDER BY position DESC LIMIT 1 OFFSET :most))",
        {"oldest": int((now - KEPT_SECONDS) * 1e6), "most": KEPT_EVENTS},
    ).fetchone()
    return [] if row[0] is None else [records.drop_events(row[0])]


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
