"""Conditional and partial reads, as RFC 9110 and S3 have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from jupyter_mlstudio.wire.errors import AWSError

from ..catalog import Entry
from ..decisions import precondition_failed
from .app import Request, invalid, moment

_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes of an object a request is for; ``total`` is the size of the object."""

    offset: int
    length: int
    total: int

    @property
    def header(self) -> str:
        """The ``Content-Range``."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{self.total}"


def check_read(request: Request, entry: Entry, prefix: str = "") -> None:
    """Raise ``PreconditionFailed`` or 304 ``NotModified`` unless the conditions hold.

    ``prefix`` is ``CopySource`` for the conditions of a copy, where both kinds of failure are
    ``PreconditionFailed``.
    """
    modified = moment(entry.modified).replace(microsecond=0)
    match = request.get(f"{prefix}IfMatch")
    none_match = request.get(f"{prefix}IfNoneMatch")
    unmodified_since: datetime | None = request.get(f"{prefix}IfUnmodifiedSince")
    modified_since: datetime | None = request.get(f"{prefix}IfModifiedSince")
    if match is not None:
        if not _matches(match, entry.etag):
            raise precondition_failed("If-Match")
    elif unmodified_since is not None and modified > unmodified_since:
        raise precondition_failed("If-Unmodified-Since")
    if none_match is not None:
        if _matches(none_match, entry.etag):
            raise _unchanged(entry, prefix, "If-None-Match")
    elif modified_since is not None and modified <= modified_since:
        raise _unchanged(entry, prefix, "If-Modified-Since")


def wanted(request: Request, entry: Entry) -> Slice | None:
    """Return the part of the object a read asks for, or None for all of it.

    A range that is not one range of bytes is ignored, as RFC 9110 wants.

    Raises
    ------
    AWSError
        ``InvalidRange`` (416), or ``InvalidPartNumber`` (416) for a part that is not there.
    """
    if request.get("PartNumber") is not None:
        if request.get("Range") is not None:
            raise AWSError(
                "InvalidRequest",
                "Cannot specify both Range header and partNumber query parameter",
                status=400,
            )
        return _part(int(request["PartNumber"]), entry)
    found = _RANGE.fullmatch(request.get("Range", "").strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        length = min(int(suffix), entry.size)
        start = entry.size - length
    else:
        start = int(first)
        end = min(int(last), entry.size - 1) if last else entry.size - 1
        if last and int(last) < start:
            return None
        length = end - start + 1
    if length <= 0 or start >= entry.size:
        raise AWSError(
            "InvalidRange",
            "The requested range is not satisfiable",
            status=416,
            fields={"RangeRequested": found.group(), "ActualObjectSize": entry.size},
        )
    return Slice(start, length, entry.size)


def copied_range(text: str | None, entry: Entry) -> Slice:
    """Return the part of a source that UploadPartCopy asks for."""
    if text is None:
        return Slice(0, entry.size, entry.size)
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
    if found is None:
        raise invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first"
            " and last are the zero-based offsets of the first and last bytes to copy"
        )
    first, last = map(int, found.groups())
    if not first <= last < entry.size:
        raise invalid(f"Range specified is not valid for source object of size: {entry.size}")
    return Slice(first, last - first + 1, entry.size)


def _part(number: int, entry: Entry) -> Slice:
    sizes = [size for size, _ in entry.details.parts] or [entry.size]
    if not 1 <= number <= len(sizes):
        raise AWSError(
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
            status=416,
            fields={"ActualPartCount": len(sizes), "PartNumberRequested": number},
        )
    return Slice(sum(sizes[: number - 1]), sizes[number - 1], entry.size)


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _unchanged(entry: Entry, prefix: str, condition: str) -> AWSError:
    if prefix:
        return precondition_failed(condition)
    return AWSError("NotModified", "Not Modified", status=304, fields={"ETag": f'"{entry.etag}"'})
