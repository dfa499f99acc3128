"""Objects as files, for other processes than the one that serves S3."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from . import catalog
from .files import ObjectFiles

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object; ``size`` is in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime
    fetch: Callable[[], Path] = field(repr=False)

    @property
    def path(self) -> Path:
        """The file that is its body, never to be written to; it is fetched first if need be.

        Raises
        ------
        FileNotFoundError
            If the object has been replaced or deleted.
        """
        return self.fetch()


class Objects(Protocol):
    """The objects of a store, as files of this machine.

    An object that is overwritten or deleted loses its file soon after: who finds a path gone asks
    again. PermissionError: the store forbids it. ConnectionError: it does not answer.
    """

    def bucket_exists(self, bucket: str) -> bool:
        """Say whether there is such a bucket."""

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object, or None."""

    def get_many(self, bucket: str, keys: Iterable[str]) -> Iterator[StoredObject | None]:
        """Yield the object of each key in turn, or None."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose keys start with ``prefix``, in the order of S3."""


class ObjectReader:
    """The objects of the store at ``root``, while another process serves it.

    A store that has never been started is empty.
    """

    def __init__(self, root: Path) -> None:
        self._files = ObjectFiles(root)
        self._database = root / "objects.db"

    def bucket_exists(self, bucket: str) -> bool:
        """Say whether there is such a bucket."""
        if not self._database.exists():
            return False
        with closing(self._connect()) as connection:
            return catalog.bucket(connection, bucket) is not None

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object, or None."""
        if not self._database.exists():
            return None
        with closing(self._connect()) as connection:
            entry = catalog.entry(connection, bucket, key)
        return self._stored(entry) if entry else None

    def get_many(self, bucket: str, keys: Iterable[str]) -> Iterator[StoredObject | None]:
        """Yield the object of each key in turn, or None."""
        if not self._database.exists():
            yield from (None for _ in keys)
            return
        with closing(self._connect()) as connection:
            for key in keys:
                entry = catalog.entry(connection, bucket, key)
                yield self._stored(entry) if entry else None

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose keys start with ``prefix``, in the order of S3."""
        if not self._database.exists():
            return
        start, inclusive = prefix, True
        with closing(self._connect()) as connection:
            while page := catalog.entries(
                connection, bucket, start=start, inclusive=inclusive, limit=_PAGE
            ):
                for entry in page:
                    if not entry.key.startswith(prefix):
                        return
                    yield self._stored(entry)
                start, inclusive = page[-1].key, False

    def _connect(self) -> sqlite3.Connection:
        return catalog.connect(self._database, read_only=True)

    def _stored(self, entry: catalog.Entry) -> StoredObject:
        return StoredObject(
            key=entry.key,
            size=entry.size,
            etag=entry.etag,
            modified=datetime.fromtimestamp(entry.modified, UTC),
            fetch=partial(self._files.path, entry.file),
        )
