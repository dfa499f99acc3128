"""Time as the studio keeps it: seconds since the epoch inside, aware datetimes at the edge."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> float:
    """Return seconds since the epoch, to the millisecond: what the wire can carry."""
    return round(time.time(), 3)


def timestamp(seconds: float | None) -> datetime | None:
    """Return the datetime an answer carries, or None (an absent member)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def seconds(moment: datetime | str | None) -> float | None:
    """Return seconds since the epoch of a request's timestamp."""
    # The stubs of boto3 also allow strings, which its serializer turns into datetimes.
    return moment.timestamp() if isinstance(moment, datetime) else None
