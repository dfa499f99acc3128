"""Presigned S3 URLs of Signature Version 2: what boto3 makes in older regions by default."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDictProxy

from .keys import Identity, KeyRing
from .sigv4_errors import SignatureErrors

_EXPIRES = re.compile(r"[0-9]{1,12}")
_SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


@dataclass(frozen=True, slots=True)
class PresignedV2:
    """A URL whose signature is right."""

    identity: Identity
    access_key: str
    signature: str
    expires: str


def is_presigned(raw_query: str) -> bool:
    """Whether a query string is that of a URL signed so."""
    names = {piece.partition("=")[0] for piece in raw_query.split("&")}
    return {"AWSAccessKeyId", "Signature", "Expires"} <= names


def verify_presigned(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: CIMultiDictProxy[str],
    now: datetime,
) -> PresignedV2:
    """Check a presigned URL.

    Raises
    ------
    AWSError
        ``AccessDenied`` if it is malformed or its time is over, ``InvalidAccessKeyId``,
        ``SignatureDoesNotMatch``, ``ExpiredToken``.
    """
    errors = SignatureErrors("s3")
    pairs = parse_qsl(raw_query, keep_blank_values=True, errors="surrogateescape")
    query = dict(pairs)
    if len(query) != len(pairs):
        raise errors.malformed("A query parameter is given twice.")
    if not _EXPIRES.fullmatch(query["Expires"]):
        raise errors.malformed("Expires must be seconds since 1970.")
    if now.timestamp() > int(query["Expires"]):
        raise errors.expired()
    access_key = query["AWSAccessKeyId"]
    identity = errors.resolve(keys, access_key, query.get("x-amz-security-token"), now)
    text = _string_to_sign(method, raw_path, raw_query, query, headers)
    digest = hmac.digest(
        identity.secret_key.encode(), text.encode("utf-8", "surrogateescape"), "sha1"
    )
    expected = base64.b64encode(digest)
    given = query["Signature"].encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(expected, given):
        raise errors.mismatch()
    return PresignedV2(identity, access_key, query["Signature"], query["Expires"])


def _string_to_sign(
    method: str,
    raw_path: str,
    raw_query: str,
    query: dict[str, str],
    headers: CIMultiDictProxy[str],
) -> str:
    amazon = {name: value for name, value in query.items() if name.startswith("x-amz-")}
    for name in {name.lower() for name in headers}:
        if name.startswith("x-amz-"):
            amazon[name] = ",".join(value.strip() for value in headers.getall(name))
    lines = [
        method.upper(),
        query.get("content-md5", headers.get("Content-MD5", "")),
        query.get("content-type", headers.get("Content-Type", "")),
        query["Expires"],
        *(f"{name}:{amazon[name]}" for name in sorted(amazon)),
        raw_path + _subresources(raw_query),
    ]
    return "\n".join(lines)


def _subresources(raw_query: str) -> str:
    pairs = (piece.split("=", 1) for piece in raw_query.split("&"))
    chosen = sorted((pair for pair in pairs if pair[0] in _SUBRESOURCES), key=lambda pair: pair[0])
    if not chosen:
        return ""
    return "?" + "&".join("=".join([pair[0], *map(unquote, pair[1:])]) for pair in chosen)
