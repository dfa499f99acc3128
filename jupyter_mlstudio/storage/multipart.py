"""Objects that come in parts.

Parts are files and records like objects are, so they survive a restart; completing an upload joins
them into one file and replaces the upload by the object in a single change.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.wire.errors import AWSError

from . import catalog, checksums, names, records
from .bodies import bad_checksum
from .catalog import Details, Entry, Part, Upload
from .decisions import Conditions, placing
from .events import Cause
from .files import Incoming
from .journal import Record
from .objects import ObjectStore
from .writer import discarding

_COMPLETE = Cause("ObjectCreated", "CompleteMultipartUpload")
MIN_PART = 5 << 20
MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class PartWish:
    """A part as the client names it when it completes an upload."""

    number: int
    etag: str
    checksum: str | None = None


def start(store: ObjectStore, bucket: str, key: str, details: Details) -> Upload:
    """Begin an upload; ``details`` say how its parts are to be summed."""
    names.check_key(key)
    upload = Upload(secrets.token_urlsafe(32), bucket, key, round(time.time(), 3), details)

    def decide(connection: sqlite3.Connection) -> tuple[list[Record], Upload]:
        if catalog.bucket(connection, bucket) is None:
            store.bucket(bucket)
        return [records.put_upload(upload)], upload

    return store.write(decide)


def find(store: ObjectStore, bucket: str, key: str, upload: str) -> Upload:
    """Return an upload, or raise ``NoSuchUpload``."""
    store.bucket(bucket)
    return _find(store.reading, bucket, key, upload)


def add_part(
    store: ObjectStore, upload: Upload, number: int, body: Incoming, etag: str, checksum: str | None
) -> Part:
    """Make ``body`` a part, in place of any of the same number; it is discarded on failure."""
    with discarding(body):
        body.publish()
        part = Part(number, body.id, body.size, etag, round(time.time(), 3), checksum)

        def decide(connection: sqlite3.Connection) -> tuple[list[Record], Part]:
            _find(connection, upload.bucket, upload.key, upload.id)
            return [records.put_part(upload.id, part)], part

        return store.write(decide)


def check_number(number: int) -> None:
    """Raise ``InvalidArgument`` for a part number S3 does not have."""
    if not 1 <= number <= MAX_PARTS:
        raise AWSError(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            status=400,
            fields={"ArgumentName": "partNumber", "ArgumentValue": number},
        )


def abort(store: ObjectStore, bucket: str, key: str, upload: str) -> None:
    """Forget an upload and its parts."""

    def decide(connection: sqlite3.Connection) -> tuple[list[Record], None]:
        _find(connection, bucket, key, upload)
        return [records.drop_upload(upload)], None

    store.bucket(bucket)
    store.write(decide)


def complete(
    store: ObjectStore,
    upload: Upload,
    wishes: Sequence[PartWish],
    claimed: str | None,
    conditions: Conditions,
    cause: Cause = _COMPLETE,
) -> Entry:
    """Join the parts the client names into the object.

    Parameters
    ----------
    claimed:
        The checksum of the whole object by the upload's algorithm, if the client knows it.
    """
    parts = _chosen(catalog.parts(store.reading, upload.id), wishes)
    details = _summed(upload.details, parts)
    if claimed is not None and claimed != details.checksum:
        raise bad_checksum(str(details.algorithm))
    conditions.check(catalog.entry(store.reading, upload.bucket, upload.key))
    body = store.files.new()
    try:
        with discarding(body):
            for part in parts:
                body.append_file(store.files.path(part.file), count=part.size)
            reached("s3.complete.joined")
            body.publish()
            etag = checksums.composite_etag(part.etag for part in parts)
            now = round(time.time(), 3)
            entry = Entry(upload.key, body.id, body.size, etag, now, details)

            def decide(connection: sqlite3.Connection) -> tuple[list[Record], Entry]:
                _find(connection, upload.bucket, upload.key, upload.id)
                present = {part.file for part in catalog.parts(connection, upload.id)}
                if any(part.file not in present for part in parts):
                    raise _invalid_part()
                changes, placed = placing(upload.bucket, entry, conditions, cause)(connection)
                return [*changes, records.drop_upload(upload.id)], placed

            return store.write(decide)
    except FileNotFoundError:
        # A part was replaced or the upload aborted meanwhile.
        raise _no_such_upload(upload.id) from None


def drop_abandoned(store: ObjectStore, seconds: float) -> int:
    """Abort the uploads begun longer ago than that and return how many they were."""

    def decide(connection: sqlite3.Connection) -> tuple[list[Record], int]:
        oldest = time.time() - seconds
        old = [
            upload.id
            for bucket in catalog.buckets(connection)
            for upload in catalog.uploads(connection, bucket.name)
            if upload.created < oldest
        ]
        return [records.drop_upload(upload) for upload in old], len(old)

    return store.write(decide)


def _find(connection: sqlite3.Connection, bucket: str, key: str, upload: str) -> Upload:
    found = catalog.upload(connection, upload)
    if found is None or (found.bucket, found.key) != (bucket, key):
        raise _no_such_upload(upload)
    return found


def _chosen(present: list[Part], wishes: Sequence[PartWish]) -> list[Part]:
    """Return the parts that are wished for, or raise what S3 would."""
    numbers = [wish.number for wish in wishes]
    if numbers != sorted(set(numbers)):
        raise AWSError(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. The parts list must be specified in"
            " order by part number.",
            status=400,
        )
    by_number = {part.number: part for part in present}
    chosen = []
    for wish in wishes:
        part = by_number.get(wish.number)
        if part is None or part.etag != wish.etag.strip('"'):
            raise _invalid_part(wish)
        if wish.checksum is not None and wish.checksum != part.checksum:
            raise _invalid_part(wish)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < MIN_PART:
            raise AWSError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                status=400,
                fields={
                    "ProposedSize": part.size,
                    "MinSizeAllowed": MIN_PART,
                    "PartNumber": part.number,
                    "ETag": part.etag,
                },
            )
    return chosen


def _summed(details: Details, parts: list[Part]) -> Details:
    sums = tuple((part.size, part.checksum) for part in parts)
    details = replace(details, parts=sums)
    if details.algorithm is None:
        return details
    known = [(size, checksum) for size, checksum in sums if checksum is not None]
    if details.checksum_type == "COMPOSITE":
        value = checksums.composite(details.algorithm, (checksum for _, checksum in known))
    else:
        value = checksums.full_object(details.algorithm, known)
    return replace(details, checksum=value)


def _invalid_part(wish: PartWish | None = None) -> AWSError:
    return AWSError(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been"
        " uploaded, or the specified entity tag may not match the part's entity tag.",
        status=400,
        fields={"PartNumber": wish.number, "ETag": wish.etag} if wish else None,
    )


def _no_such_upload(upload: str) -> AWSError:
    return AWSError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have"
        " been aborted or completed.",
        status=404,
        fields={"UploadId": upload},
    )
