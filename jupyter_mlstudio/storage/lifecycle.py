"""Lifecycle rules of buckets: what they are about, and when it is due.

Days count from a moment and end at the next midnight UTC, as in S3.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import catalog
from .catalog import Entry, Upload

_DAY = 24 * 3600

NAME = "lifecycle"
"""Of the configuration; it is kept as the request has it, dates in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An enabled rule as S3 has it, with its filter taken apart."""

    id: str
    prefix: str
    tags: Mapping[str, str]
    larger: int
    smaller: int | None
    actions: Mapping[str, Any]

    @staticmethod
    def of(rule: Mapping[str, Any]) -> Rule:
        """Read a rule of a configuration."""
        wish = rule.get("Filter", {})
        wish = {**wish, **wish.get("And", {})}
        tags = [*wish.get("Tags", ()), *([wish["Tag"]] if "Tag" in wish else ())]
        return Rule(
            rule["ID"],
            wish.get("Prefix") or rule.get("Prefix") or "",
            {tag["Key"]: tag["Value"] for tag in tags},
            wish.get("ObjectSizeGreaterThan", -1),
            wish.get("ObjectSizeLessThan"),
            rule,
        )

    def concerns(self, entry: Entry) -> bool:
        """Say whether the rule is about this version or delete marker."""
        return (
            entry.key.startswith(self.prefix)
            and self.tags.items() <= entry.details.tags.items()
            and (
                entry.is_marker
                or (
                    entry.size > self.larger and (self.smaller is None or entry.size < self.smaller)
                )
            )
        )

    def expires(self, entry: Entry) -> float | None:
        """Return when the latest version of a key expires; None if never."""
        wish = self.actions.get("Expiration", {})
        if not self.concerns(entry):
            return None
        if "Date" in wish:
            return datetime.fromisoformat(wish["Date"]).timestamp()
        return midnight(entry.modified, wish["Days"]) if "Days" in wish else None

    def marker_expires(self, entry: Entry) -> float | None:
        """Return when a delete marker with nothing behind it goes; None if never."""
        if self.actions.get("Expiration", {}).get("ExpiredObjectDeleteMarker"):
            return 0.0 if self.concerns(entry) else None
        return self.expires(entry)

    def noncurrent_expires(self, entry: Entry, since: float, newer: int) -> float | None:
        """Return when a version goes that was replaced at ``since``; None if never.

        ``newer`` is how many of its key have been replaced after it.
        """
        wish = self.actions.get("NoncurrentVersionExpiration")
        if wish is None or not self.concerns(entry):
            return None
        if newer < wish.get("NewerNoncurrentVersions", 0):
            return None
        return midnight(since, wish["NoncurrentDays"])

    def aborts(self, upload: Upload) -> float | None:
        """Return when a multipart upload is given up; None if never."""
        wish = self.actions.get("AbortIncompleteMultipartUpload", {})
        if "DaysAfterInitiation" not in wish or not upload.key.startswith(self.prefix):
            return None
        return midnight(upload.created, wish["DaysAfterInitiation"])


def midnight(since: float, days: int) -> float:
    """Return the first midnight UTC that is at least so many days after ``since``."""
    return -(-(since + days * _DAY) // _DAY) * _DAY


def rules(text: str) -> list[Rule]:
    """Return the enabled rules of a configuration."""
    return [Rule.of(rule) for rule in json.loads(text)["Rules"] if rule["Status"] == "Enabled"]


def expiration(connection: sqlite3.Connection, bucket: str, entry: Entry) -> str | None:
    """Return what ``x-amz-expiration`` says of an object, or None if no rule is about it."""
    text = catalog.configuration(connection, bucket, NAME)
    if text is None:
        return None
    due = [(when, rule.id) for rule in rules(text) if (when := rule.expires(entry)) is not None]
    if not due:
        return None
    when, rule = min(due)
    date = datetime.fromtimestamp(when, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return f'expiry-date="{date}", rule-id="{rule}"'
