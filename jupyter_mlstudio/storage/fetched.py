"""Objects of another S3 as files of this machine: fetched once, kept within bounds."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from .files import sync_folder
from .reader import StoredObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = logging.getLogger(__name__)

_PAGE = 1000
_AT_ONCE = 8
_ASKED_AHEAD = 64
_FETCHED_AHEAD = 32
_SMALL = 8 << 20
_STEP = 1 << 20
_RECENT = 600.0
_EVERY = 60.0
_MODE = 0o644
_MD5 = re.compile(r"[0-9a-f]{32}")
_MISSING = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")
_CHANGED = ("412", "PreconditionFailed", *_MISSING)


class ObjectCache:
    """Bodies by bucket, key, ETag and size, in ``root``.

    What is half there after a crash of this process goes on where it was; after one of the machine
    it starts anew. When all are more than ``limit`` bytes, those unused for longest go, but nothing
    that was used in the last ten minutes. Links to what is gone stay good.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._boot = int(psutil.boot_time())
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._size = 0
        self._trimmed = float("-inf")

    def path(self, client: S3Client, bucket: str, item: StoredObject) -> Path:
        """Return the body of an object, fetching it if it is not here.

        Raises
        ------
        FileNotFoundError
            If the object has been replaced or deleted.
        """
        name = _name(bucket, item)
        folder = self._root / name[:2]
        path = folder / name
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True, mode=0o755)
                partial_ = folder / f"{name}.{self._boot}.part"
                _fetch(client, bucket, item, partial_)
                partial_.replace(path)
                sync_folder(folder)
                self._grown(item.size)
            os.utime(path)
        with self._guard:
            self._locks.pop(name, None)
        return path

    def trim(self) -> None:
        """Delete what is more than the limit, and halves of an earlier start of the machine."""
        entries = [entry for folder in self._root.iterdir() for entry in os.scandir(folder)]
        stats = [(entry.stat(), entry.path) for entry in entries]
        self._size = sum(stat.st_size for stat, _ in stats)
        own = f".{self._boot}.part"
        for used, size, path in sorted((stat.st_mtime, stat.st_size, path) for stat, path in stats):
            if path.endswith(own) or used > time.time() - _RECENT:
                continue
            if self._size > self._limit or path.endswith(".part"):
                Path(path).unlink(missing_ok=True)
                self._size -= size

    def _grown(self, size: int) -> None:
        """Trim when it is time: at first, and when too much has come since."""
        with self._guard:
            self._size += size
            since = time.monotonic() - self._trimmed
            if since == float("inf") or (self._size > self._limit and since > _EVERY):
                self._trimmed = time.monotonic()
                self.trim()


class RemoteReader:
    """The objects of another S3: see :class:`~.reader.Objects`.

    Parameters
    ----------
    client:
        Gives a client of it.
    cache:
        Where bodies are kept.
    """

    def __init__(self, client: Callable[[], S3Client], cache: ObjectCache) -> None:
        self._client = client
        self._cache = cache
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetching")

    def bucket_exists(self, bucket: str) -> bool:
        """Say whether there is such a bucket."""
        return self._ask(bucket, lambda s3: s3.head_bucket(Bucket=bucket)) is not None

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """Return an object, or None."""
        head = self._ask(f"{bucket}/{key}", lambda s3: s3.head_object(Bucket=bucket, Key=key))
        if head is None:
            return None
        return self._stored(bucket, {**head, "Key": key, "Size": head["ContentLength"]})

    def get_many(self, bucket: str, keys: Iterable[str]) -> Iterator[StoredObject | None]:
        """Yield the object of each key in turn, or None."""
        left = iter(keys)
        while chunk := list(islice(left, _ASKED_AHEAD)):
            yield from self._pool.map(partial(self.get, bucket), chunk)

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose keys start with ``prefix``, in the order of S3."""
        wish: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": _PAGE}
        ahead = _Ahead(self._pool)
        while page := self._ask(f"{bucket}/{prefix}", partial(_page, wish)):
            for item in page.get("Contents", ()):
                found = self._stored(bucket, item)
                yield replace(found, fetch=ahead.add(found))
            if not page.get("IsTruncated"):
                return
            wish["ContinuationToken"] = page["NextContinuationToken"]

    def _stored(self, bucket: str, item: Any) -> StoredObject:  # noqa: ANN401 - an answer's member
        members = (item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
        return StoredObject(*members, lambda: self._path(bucket, StoredObject(*members, _unknown)))

    def _path(self, bucket: str, item: StoredObject) -> Path:
        try:
            return self._cache.path(self._client(), bucket, item)
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _CHANGED:
                raise FileNotFoundError(f"s3://{bucket}/{item.key} has changed") from error
            _refuse(f"{bucket}/{item.key}", error)

    def _ask(self, what: str, question: Callable[[S3Client], Any]) -> Any:  # noqa: ANN401 - answers
        try:
            return question(self._client())
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return None
            _refuse(what, error)


class _Ahead:
    """Objects of a listing: with each that is fetched, small ones that follow it are too."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._items: list[StoredObject] = []
        self._begun = 0
        self._guard = threading.Lock()

    def add(self, item: StoredObject) -> Callable[[], Path]:
        """Take the next object; return what fetches it."""
        self._items.append(item)
        return partial(self._fetch, len(self._items) - 1)

    def _fetch(self, index: int) -> Path:
        with self._guard:
            begun, self._begun = self._begun, max(self._begun, index + 1 + _FETCHED_AHEAD)
            following = self._items[max(begun, index + 1) : self._begun]
        for item in following:
            if item.size <= _SMALL:
                self._pool.submit(_attempt, item)
        return self._items[index].path


def _attempt(item: StoredObject) -> None:
    try:
        item.fetch()
    except OSError as error:
        # Whoever asks for it meets the same, if it is still so.
        log.debug("%s was not fetched ahead: %s", item.key, error)


def _page(wish: dict[str, Any], s3: S3Client) -> Any:  # noqa: ANN401 - passed through
    return s3.list_objects_v2(**wish)


def _refuse(what: str, error: ClientError | BotoCoreError) -> NoReturn:
    """Raise what :class:`~.reader.Objects` promises."""
    message = f"s3://{what}: {error}"
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status in (401, 403):
            raise PermissionError(message) from error
    raise ConnectionError(message) from error


def _code(error: ClientError | BotoCoreError) -> str:
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code"))


def _name(bucket: str, item: StoredObject) -> str:
    text = "\0".join((bucket, item.key, item.etag, str(item.size)))
    return hashlib.sha256(text.encode()).hexdigest()


def _unknown() -> Path:
    raise FileNotFoundError


def _fetch(client: S3Client, bucket: str, item: StoredObject, target: Path) -> None:
    """Have the object in ``target``, going on behind what is there."""
    start = target.stat().st_size if target.exists() else 0
    if start > item.size:
        target.unlink()
        start = 0
    if start < item.size or not start:
        _append(client, bucket, item, target, start)
    if target.stat().st_size != item.size or (start and not _is_right(target, item.etag)):
        log.warning("s3://%s/%s came in pieces that do not fit; once more", bucket, item.key)
        target.unlink()
        _append(client, bucket, item, target, 0)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _append(client: S3Client, bucket: str, item: StoredObject, target: Path, start: int) -> None:
    rest: Any = {"Range": f"bytes={start}-"} if start else {}
    answer = client.get_object(Bucket=bucket, Key=item.key, IfMatch=f'"{item.etag}"', **rest)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
    with os.fdopen(descriptor, "wb") as file, closing(answer["Body"]) as body:
        os.fchmod(descriptor, _MODE)
        try:
            for block in body.iter_chunks(_STEP):
                file.write(block)
        except FlexibleChecksumError:
            # Nothing tells which part of it is wrong.
            target.unlink()
            raise


def _is_right(path: Path, etag: str) -> bool:
    """Say whether a file may be what the ETag says: of parts and of keys' own it says nothing."""
    if not _MD5.fullmatch(etag):
        return True
    md5 = partial(hashlib.md5, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, md5).hexdigest() == etag
