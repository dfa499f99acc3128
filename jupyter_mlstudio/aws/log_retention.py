"""Log events that are kept no longer: they are not shown, and streams of nothing else deleted."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from ..core.controllers import controller
from ..core.logs import LogStore, StreamInfo
from ..core.studio import Studio

log = logging.getLogger(__name__)

DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
    | {1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
PERIOD = 3600.0
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Scope:
    account: str
    region: str


def kept_since(days: int) -> int:
    """Return the time in ms from which on events are kept."""
    return int(time.time() * 1000) - days * _DAY_MS


@controller("LogRetention", single=True)
class LogRetention:
    """Deletes streams all of whose events are kept no longer."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def reconcile(self, uid: str) -> float | None:
        """Look at every group that has a retention, and again in an hour."""
        for place in sorted((self._studio.settings.root / "logs").glob("*/*")):
            store = self._studio.logs(_Scope(place.parent.name, place.name))
            for group in store.groups():
                days = store.describe(group).get("retentionInDays")
                if days is not None:
                    self._expire(store, group, kept_since(days))
        return PERIOD

    def _expire(self, store: LogStore, group: str, since: int) -> None:
        for stream in store.streams(group):
            if newest(stream) < since and not in_use(self._studio, group, stream.name):
                log.info("Stream %s of %s is kept no longer", stream.name, group)
                store.delete(group, stream.name, since)


def newest(stream: StreamInfo) -> int:
    """Return the time in ms of the last that happened to a stream."""
    return stream.created_ms if stream.last_ms is None else stream.last_ms


def in_use(studio: Studio, group: str, stream: str) -> bool:
    """Say whether a container may still write a stream: then it must stay, with all its offsets.

    Streams of jobs begin with the job's name, groups of endpoints end with the endpoint's.
    """
    names = {stream.partition("/")[0], group.rpartition("/")[2]}
    owners = (studio.store.by_uid(uid) for _, uid in studio.store.unsettled())
    return any(owner is not None and owner.name in names for owner in owners)
