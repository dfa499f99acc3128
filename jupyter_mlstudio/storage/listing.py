"""One page of keys, as ListObjects and ListObjectsV2 give it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from . import catalog
from .catalog import Entry


@dataclass(slots=True)
class Page:
    """Entries and common prefixes of one page.

    ``last`` is the key or common prefix the page ends with; the next page starts after it.
    """

    entries: list[Entry] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""


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
    page = Page()
    if limit == 0:
        return page
    start, inclusive = _start(prefix, delimiter, after)
    while start is not None:
        found = catalog.entries(
            connection, bucket, start=start, inclusive=inclusive, limit=limit + 1
        )
        start = found[-1].key if len(found) > limit else None
        inclusive = False
        for entry in found:
            if not entry.key.startswith(prefix):
                return page
            if len(page.entries) + len(page.prefixes) == limit:
                page.truncated = True
                return page
            common = _common(entry.key, prefix, delimiter)
            if common is None:
                page.entries.append(entry)
                page.last = entry.key
                continue
            page.prefixes.append(common)
            page.last = common
            start, inclusive = _behind(common), True
            break
    return page


def _start(prefix: str, delimiter: str, after: str) -> tuple[str | None, bool]:
    if after < prefix:
        return prefix, True
    if delimiter and after.startswith(prefix) and _common(after, prefix, delimiter) == after:
        return _behind(after), True
    return after, False


def _common(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def _behind(prefix: str) -> str | None:
    """Return the smallest string greater than all that start with ``prefix``."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code == 0xD800:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:at] + chr(code)
    return None
