"""What the rules of lifecycle configurations have come to: found, and deleted.

Everything is looked at again where it is deleted, so an object that was replaced meanwhile stays.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from operator import attrgetter

from . import catalog, events, lifecycle, records
from .catalog import Bucket, Entry
from .decisions import remove
from .events import Cause
from .journal import Record
from .lifecycle import Rule
from .objects import ObjectStore

log = logging.getLogger(__name__)

_PAGE = 1000
_CHUNK = 200
_EVERY = 3600.0
_CAUSE = Cause("LifecycleExpiration", "Delete")
_Wish = Callable[[sqlite3.Connection, Bucket], list[Record]]


class Expirer(threading.Thread):
    """Applies all lifecycle rules now, every hour, and whenever it is woken."""

    def __init__(self, store: ObjectStore, every: float = _EVERY) -> None:
        super().__init__(name="objects-expirer", daemon=True)
        self._store = store
        self._every = every
        self._wake = threading.Event()
        self._ending = False

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def close(self) -> None:
        """Finish the change under way and end."""
        self._ending = True
        self._wake.set()
        self.join()

    def run(self) -> None:
        while not self._ending:
            self._wake.clear()
            try:
                expire(self._store, time.time(), lambda: self._ending)
            except Exception:
                log.exception("Lifecycle rules could not be applied; the next attempt follows")
            if not self._ending:
                self._wake.wait(self._every)


def expire(store: ObjectStore, now: float, ending: Callable[[], bool] = lambda: False) -> int:
    """Delete what is due at ``now`` (seconds since the epoch); return how many changes that was."""
    count = 0
    for bucket, text in catalog.configured(store.reading, lifecycle.NAME):
        wishes = _due(store, bucket, lifecycle.rules(text), now)
        while not ending() and (chunk := list(islice(wishes, _CHUNK))):
            count += _apply(store, bucket, chunk)
    store.write(lambda connection: (events.forget(connection, now), None))
    if count:
        log.info("Lifecycle rules made %d changes", count)
    return count


def _apply(store: ObjectStore, bucket: str, wishes: list[_Wish]) -> int:
    def decide(connection: sqlite3.Connection) -> tuple[list[Record], int]:
        home = catalog.bucket(connection, bucket)
        if home is None:
            return [], 0
        made = [changes for wish in wishes if (changes := wish(connection, home))]
        return [record for changes in made for record in changes], len(made)

    return store.write(decide)


def _due(store: ObjectStore, bucket: str, rules: list[Rule], now: float) -> Iterator[_Wish]:
    for upload in catalog.uploads(store.reading, bucket):
        if any(_is_due(rule.aborts(upload), now) for rule in rules):
            yield _abort(upload.id)
    for _, group in groupby(_all(store, bucket), key=attrgetter("key")):
        versions = list(group)
        yield from _due_of_key(versions, rules, now)


def _due_of_key(versions: list[Entry], rules: list[Rule], now: float) -> Iterator[_Wish]:
    """Yield what is to be done with the versions of one key, the newest of which is first."""
    latest = versions[0]
    if not latest.is_marker:
        if any(_is_due(rule.expires(latest), now) for rule in rules):
            yield _delete_object(latest)
    elif len(versions) == 1 and any(_is_due(rule.marker_expires(latest), now) for rule in rules):
        yield _delete_marker(latest)
    for newer, entry in enumerate(versions[1:]):
        since = versions[newer].modified
        if any(_is_due(rule.noncurrent_expires(entry, since, newer), now) for rule in rules):
            yield _delete_version(entry)


def _is_due(when: float | None, now: float) -> bool:
    return when is not None and when <= now


def _all(store: ObjectStore, bucket: str) -> Iterator[Entry]:
    start, below = "", None
    while page := catalog.versions(
        store.reading, bucket, start=start, inclusive=False, below=below, limit=_PAGE
    ):
        yield from page
        start, below = page[-1].key, page[-1].number


def _abort(upload: str) -> _Wish:
    def wish(connection: sqlite3.Connection, home: Bucket) -> list[Record]:
        found = catalog.upload(connection, upload)
        return [records.drop_upload(upload)] if found else []

    return wish


def _delete_object(entry: Entry) -> _Wish:
    def wish(connection: sqlite3.Connection, home: Bucket) -> list[Record]:
        present = catalog.entry(connection, home.name, entry.key)
        if present is None or (present.file, present.version) != (entry.file, entry.version):
            return []
        return remove(connection, home, entry.key, None, cause=_CAUSE)[0]

    return wish


def _delete_marker(entry: Entry) -> _Wish:
    def wish(connection: sqlite3.Connection, home: Bucket) -> list[Record]:
        left = catalog.versions(
            connection, home.name, start=entry.key, inclusive=True, below=None, limit=2
        )
        alone = [item.version for item in left if item.key == entry.key] == [entry.version]
        if not alone or not left[0].is_marker:
            return []
        return remove(connection, home, entry.key, entry.version, cause=_CAUSE)[0]

    return wish


def _delete_version(entry: Entry) -> _Wish:
    def wish(connection: sqlite3.Connection, home: Bucket) -> list[Record]:
        present = catalog.version(connection, home.name, entry.key, entry.version)
        if present is None or present.latest or present.number != entry.number:
            return []
        return remove(connection, home, entry.key, entry.version, cause=_CAUSE)[0]

    return wish
