"""Folders of S3, which are prefixes, and what lies below them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import unquote_plus

from ..connection import StudioConnection

Document = dict[str, Any]

PAGE = 1000
"""The most keys that S3 lists or deletes at once."""
COUNTED = 100_000
"""Objects after which counting ends."""
STEP = 10
"""Pages that one request deletes: the browser asks again, so that it can show how far it is."""


async def folder(studio: StudioConnection, bucket: str, prefix: str, token: str) -> Document:
    """Return a page of the folders and objects whose keys begin with ``prefix``.

    ``prefix`` need not end with a slash: that is how to search.
    """
    answer = await _page(studio, bucket, prefix, token, Delimiter="/")
    contents = answer.get("Contents", [])
    return {
        "folders": [unquote_plus(each["Prefix"]) for each in answer.get("CommonPrefixes", [])],
        "objects": [
            {
                "key": unquote_plus(each["Key"]),
                "size": each["Size"],
                "modified": each["LastModified"],
            }
            for each in contents
        ],
        "nextToken": answer.get("NextContinuationToken"),
    }


async def count(studio: StudioConnection, bucket: str, prefix: str) -> Document:
    """Return how many objects have keys that begin with ``prefix``, and their bytes.

    ``more`` says that there are more than were counted.
    """
    number = size = 0
    async for contents in _pages(studio, bucket, prefix):
        number += len(contents)
        size += sum(each["Size"] for each in contents)
        if number >= COUNTED:
            return {"objects": number, "bytes": size, "more": True}
    return {"objects": number, "bytes": size, "more": False}


async def delete(
    studio: StudioConnection, bucket: str, keys: Sequence[str], prefixes: Sequence[str]
) -> Document:
    """Delete objects, and what is below folders, as far as one request may.

    ``more`` says that something is left: ask again. ``errors`` are those of single objects.
    """
    deleted = 0
    errors: list[Document] = []
    batches = [list(keys[start : start + PAGE]) for start in range(0, len(keys), PAGE)]
    for batch in batches:
        deleted += await _delete(studio, bucket, batch, errors)
    for prefix in prefixes:
        for _ in range(STEP):
            # What could not be deleted comes again.
            if errors:
                break
            page = await _page(studio, bucket, prefix, "")
            batch = [unquote_plus(each["Key"]) for each in page.get("Contents", [])]
            if batch:
                deleted += await _delete(studio, bucket, batch, errors)
            if not page.get("IsTruncated"):
                break
        else:
            return {"deleted": deleted, "errors": errors, "more": True}
    return {"deleted": deleted, "errors": errors, "more": False}


async def _delete(
    studio: StudioConnection, bucket: str, keys: list[str], errors: list[Document]
) -> int:
    objects = [{"Key": key} for key in keys]
    request = {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
    answer = await studio.call("s3", "DeleteObjects", request)
    refused = answer.get("Errors", [])
    errors += [{"key": each.get("Key"), "message": each.get("Message")} for each in refused]
    return len(keys) - len(refused)


async def _pages(
    studio: StudioConnection, bucket: str, prefix: str
) -> AsyncIterator[list[Document]]:
    token = ""
    while True:
        answer = await _page(studio, bucket, prefix, token)
        yield answer.get("Contents", [])
        token = answer.get("NextContinuationToken") or ""
        if not token:
            return


async def _page(
    studio: StudioConnection, bucket: str, prefix: str, token: str, **more: str
) -> Document:
    # XML cannot hold every key as it is.
    request = {"Bucket": bucket, "Prefix": prefix, "EncodingType": "url", "MaxKeys": PAGE, **more}
    if token:
        request["ContinuationToken"] = token
    return await studio.call("s3", "ListObjectsV2", request)
