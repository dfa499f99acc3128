"""Time as the studio keeps it: seconds since the epoch inside, aware datetimes at the edge.

What has to last so long, or may take so long, is measured from a *moment*, which also knows the
machine's monotonic clock: nothing ends early or waits because the clock was set. After a restart of
the machine the wall clock has to do.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TypedDict

from .._identity import boot


class Moment(TypedDict):
    """A moment by both clocks, to be kept as JSON: ``Wall`` is seconds since the epoch."""

    Wall: float
    Boot: str
    Monotonic: float


def now() -> float:
    """Return seconds since the epoch, to the millisecond: what the wire can carry."""
    return round(time.time(), 3)


def moment(ago: float = 0.0) -> Moment:
    """Return this moment, or one ``ago`` seconds before."""
    before = max(ago, 0.0)
    return {
        "Wall": round(time.time() - before, 3),
        "Boot": boot(),
        "Monotonic": round(time.monotonic() - before, 3),
    }


def at(wall: float) -> Moment:
    """Return the moment of which only seconds since the epoch are known."""
    return {"Wall": wall, "Boot": "", "Monotonic": 0.0}


def since(moment: Moment) -> float:
    """Return how many seconds have passed since a moment."""
    if moment["Boot"] and moment["Boot"] == boot():
        return time.monotonic() - moment["Monotonic"]
    return max(time.time() - moment["Wall"], 0.0)


def timestamp(seconds: float | None) -> datetime | None:
    """Return the datetime an answer carries, or None (an absent member)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def seconds(moment: datetime | str | None) -> float | None:
    """Return seconds since the epoch of a request's timestamp."""
    # The stubs of boto3 also allow strings, which its serializer turns into datetimes.
    return moment.timestamp() if isinstance(moment, datetime) else None
