"""ListObjects, old and new."""

from __future__ import annotations

from jupyter_mlstudio.wire.operation import Call, operation

from ..catalog import Entry
from ..listing import Page, list_page
from .app import S3, Request, Response, invalid, moment
from .buckets import decode_token, encode_token

_MAX_KEYS = 1000


@operation("s3", "ListObjects")
def list_objects(call: Call[S3], request: Request) -> Response:
    """List keys, going on behind a marker."""
    page = _page(call, request, request.get("Marker", ""))
    answer = _answer(call, request, page, owner=True)
    answer["Marker"] = request.get("Marker", "")
    # As in S3: without a delimiter the last key of the page is the next marker.
    if page.truncated and request.get("Delimiter"):
        answer["NextMarker"] = page.last
    return answer


@operation("s3", "ListObjectsV2")
def list_objects_v2(call: Call[S3], request: Request) -> Response:
    """List keys, going on with a token."""
    token = request.get("ContinuationToken")
    after = decode_token(token) if token is not None else request.get("StartAfter", "")
    page = _page(call, request, after)
    answer = _answer(call, request, page, owner=bool(request.get("FetchOwner")))
    answer["KeyCount"] = len(page.entries) + len(page.prefixes)
    for name in ("ContinuationToken", "StartAfter"):
        if request.get(name):
            answer[name] = request[name]
    if page.truncated:
        answer["NextContinuationToken"] = encode_token(page.last)
    return answer


def limit(request: Request, name: str, most: int = _MAX_KEYS) -> int:
    """Return how many items a request wants, at most ``most``."""
    wish = int(request.get(name, most))
    if wish < 0:
        argument = name[:3].lower() + "-" + name[3:].lower()
        raise invalid(f"Argument {argument} must be an integer between 0 and 2147483647")
    return min(wish, most)


def listed(app: S3, entry: Entry, *, owner: bool) -> Response:
    """Return an object as listings show it."""
    content: Response = {
        "Key": entry.key,
        "LastModified": moment(entry.modified),
        "ETag": f'"{entry.etag}"',
        "Size": entry.size,
        "StorageClass": entry.details.headers.get("StorageClass", "STANDARD"),
    }
    if entry.details.algorithm:
        content["ChecksumAlgorithm"] = [entry.details.algorithm]
        content["ChecksumType"] = entry.details.checksum_type
    if owner:
        content["Owner"] = app.owner
    return content


def _page(call: Call[S3], request: Request, after: str) -> Page:
    call.app.store.bucket(request["Bucket"])
    return list_page(
        call.app.store.reading,
        request["Bucket"],
        prefix=request.get("Prefix", ""),
        delimiter=request.get("Delimiter", ""),
        after=after,
        limit=limit(request, "MaxKeys"),
    )


def _answer(call: Call[S3], request: Request, page: Page, *, owner: bool) -> Response:
    answer: Response = {
        "Name": request["Bucket"],
        "Prefix": request.get("Prefix", ""),
        "MaxKeys": limit(request, "MaxKeys"),
        "IsTruncated": page.truncated,
        "Contents": [listed(call.app, entry, owner=owner) for entry in page.entries],
        "CommonPrefixes": [{"Prefix": prefix} for prefix in page.prefixes],
    }
    for name in ("Delimiter", "EncodingType"):
        if request.get(name):
            answer[name] = request[name]
    return answer
