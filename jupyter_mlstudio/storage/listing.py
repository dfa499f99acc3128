"""One page of keys or versions, as ListObjects, ListObjectsV2 and ListObjectVersions give it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

from . import catalog
from .catalog import Entry


@dataclass(slots=True)
class Page:
    """Entries and common prefixes of one page.

    ``last`` is the key or common prefix the page ends with; the next page starts after it, or
    among versions after the one of ``last`` with the id ``last_version``.
    """

    entries: list[Entry] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""
    last_version: str = ""


@dataclass(frozen=True, slots=True)
class _Position:
    """Where to read on: at ``key``, or behind it but for its versions below ``below``."""

    key: str
    inclusive: bool
    below: int | None = None


_Read = Callable[[_Position, int], list[Entry]]


def list_page(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
) -> Page:
    """Return up to ``limit`` keys and common prefixes that follow ``after``.

    A common prefix is everything up to the first ``delimiter`` behind ``prefix``; the keys below
    it are skipped by the index, not read.
    """

    def read(at: _Position, count: int) -> list[Entry]:
        return catalog.entries(
            connection, bucket, start=at.key, inclusive=at.inclusive, limit=count
        )

    return _page(read, _start(prefix, delimiter, after), prefix, delimiter, limit)


def list_versions(
    connection: sqlite3.Connection,
    bucket: str,
    *,
    prefix: str,
    delimiter: str,
    after: str,
    below: int | None,
    limit: int,
) -> Page:
    """Return what :func:`list_page` does, but of all versions, the newest of each key first.

    Of ``after`` itself only the versions numbered less than ``below`` follow, if that is given.
    """

    def read(at: _Position, count: int) -> list[Entry]:
        return catalog.versions(
            connection,
            bucket,
            start=at.key,
            inclusive=at.inclusive,
            below=at.below,
            limit=count,
        )

    start = _start(prefix, delimiter, after)
    if start is not None and below is not None and start.key == after:
        start = _Position(after, False, below)
    return _page(read, start, prefix, delimiter, limit)


def _page(read: _Read, start: _Position | None, prefix: str, delimiter: str, limit: int) -> Page:
    page = Page()
    if limit == 0:
        return page
    while start is not None:
        found = read(start, limit + 1)
        end = found[-1] if len(found) > limit else None
        start = _Position(end.key, False, end.number) if end else None
        for entry in found:
            if not entry.key.startswith(prefix):
                return page
            if len(page.entries) + len(page.prefixes) == limit:
                page.truncated = True
                return page
            common = _common(entry.key, prefix, delimiter)
            if common is None:
                page.entries.append(entry)
                page.last, page.last_version = entry.key, entry.version
                continue
            page.prefixes.append(common)
            page.last, page.last_version = common, ""
            start = _behind(common)
            break
    return page


def _start(prefix: str, delimiter: str, after: str) -> _Position | None:
    if after < prefix:
        return _Position(prefix, True)
    if delimiter and after.startswith(prefix) and _common(after, prefix, delimiter) == after:
        return _behind(after)
    return _Position(after, False)


def _common(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def _behind(prefix: str) -> _Position | None:
    """Return the position behind all keys that start with ``prefix``."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return _Position(prefix[:at] + chr(code), True)
    return None
