"""Files of the Jupyter server on their way to S3, a part at a time."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...wire.errors import AWSError, validation_error
from ..connection import StudioConnection

Document = dict[str, Any]

PART = 16 << 20
MOST_PARTS = 10_000
SECONDS = 300.0
"""How long one part may take."""
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send: where it is, and its name below the folder that is sent."""

    path: Path
    name: str


def files_below(path: Path, unwanted: Callable[[str], bool] | None = None) -> list[LocalFile]:
    """Return a file, or the regular files in and below a folder; links are not followed.

    ``unwanted`` says of the name of a file or folder below whether to leave it out.

    Raises
    ------
    AWSError
        There is nothing, or more than can be sent at once.
    """
    if path.is_file():
        return [LocalFile(path, path.name)]
    if not path.is_dir():
        raise validation_error(f"There is no file or folder {path.name}.")
    found = []
    for file in _regular(path, unwanted or (lambda _: False)):
        found.append(LocalFile(file, f"{path.name}/{file.relative_to(path).as_posix()}"))
        if len(found) > MOST_FILES:
            raise validation_error(f"{path.name} holds more than {MOST_FILES} files.")
    return found


def _regular(folder: Path, unwanted: Callable[[str], bool]) -> Iterator[Path]:
    for where, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not unwanted(name))
        for name in sorted(names):
            path = Path(where, name)
            if not unwanted(name) and stat.S_ISREG(path.lstat().st_mode):
                yield path


async def send(studio: StudioConnection, path: Path, bucket: str, key: str) -> int:
    """Send a file and return its bytes. What was begun is given up when it fails."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        target = {"Bucket": bucket, "Key": key}
        described = {**target, **content_type(key)}
        if size <= PART:
            body = await asyncio.to_thread(file.read, PART + 1)
            await studio.call("s3", "PutObject", {**described, "Body": body}, SECONDS)
            return len(body)
        begun = await studio.call("s3", "CreateMultipartUpload", described)
        upload = {**target, "UploadId": begun["UploadId"]}
        try:
            return await _parts(studio, file, upload, size)
        except BaseException:
            # Also when the browser has gone; unfinished uploads take room.
            await asyncio.shield(studio.call("s3", "AbortMultipartUpload", upload))
            raise


async def _parts(studio: StudioConnection, file: BinaryIO, upload: Document, size: int) -> int:
    length = max(PART, -(-size // MOST_PARTS))
    parts: list[Document] = []
    sent = 0
    while body := await asyncio.to_thread(file.read, length):
        number = len(parts) + 1
        request = {**upload, "PartNumber": number, "Body": body}
        answer = await studio.call("s3", "UploadPart", request, SECONDS)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        sent += len(body)
    complete = {**upload, "MultipartUpload": {"Parts": parts}}
    await studio.call("s3", "CompleteMultipartUpload", complete, SECONDS)
    return sent


def content_type(key: str) -> Document:
    """Return what to say an object is, by its name."""
    found, encoding = mimetypes.guess_type(key)
    kind = "application/gzip" if encoding == "gzip" else found
    return {"ContentType": kind} if kind else {}


def join(prefix: str, name: str) -> str:
    """Return the key of ``name`` below a prefix.

    Raises
    ------
    AWSError
        It has more than S3's 1024 bytes, or bytes that are no text.
    """
    key = f"{prefix}{name}"
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise validation_error(f"The name {name!r} is not text.") from error
    if length > 1024:
        raise AWSError("KeyTooLongError", "Your key is too long", status=400)
    return key
