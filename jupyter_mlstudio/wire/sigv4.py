"""Check AWS Signature Version 4, in the header or in the query of a presigned URL.

The signature is recomputed over the headers the caller says are signed, and over nothing else;
what has to be among them (``host`` and every ``x-amz-*`` header present) is checked before.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from botocore.utils import normalize_url_path
from multidict import CIMultiDict, CIMultiDictProxy

from .keys import KeyRing
from .operation import Caller
from .request import HeaderSource
from .sigv2 import PresignedV2, is_presigned, verify_presigned
from .sigv4_errors import SignatureErrors

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_SKEW = timedelta(minutes=15)
MAX_PRESIGN = 7 * 24 * 3600
_EMPTY_HASH = hashlib.sha256().hexdigest()
_CREDENTIAL = re.compile(r"Credential=([^,\s]*)")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_SCOPE_PART = re.compile(r"[a-zA-Z0-9-]{1,64}")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_UNRESERVED = "-_.~"
# What is canonical as it stands: for most of what clients send, nothing has to be rewritten.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_.~/-]+")
_NORMAL_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.~-]+)+/?|/")


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature is right.

    Attributes
    ----------
    service:
        Signing name in the scope, e.g. ``sagemaker`` or ``s3``.
    payload:
        What the signature says of the body: its SHA-256 in hex, ``UNSIGNED-PAYLOAD`` or one of
        the ``STREAMING-…`` markers. Whoever streams the body has to check it against this.
    signature, timestamp, scope, signing_key:
        What the chunk signatures of a ``STREAMING-AWS4-…`` body start from.
    """

    caller: Caller
    claims: Mapping[str, Any]
    service: str
    payload: str
    signature: str
    timestamp: str
    scope: str
    signing_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """What a request says about its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    time: datetime
    token: str | None
    expires: int | None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def authenticate(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: HeaderSource,
    payload_hash: str | None,
    now: datetime,
) -> Caller:
    """Return who signed a request; see :func:`verify`."""
    return verify(keys, method, raw_path, raw_query, headers, payload_hash, now).caller


def verify(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: HeaderSource,
    payload_hash: str | None,
    now: datetime,
    *,
    service: str | None = None,
    region: str = "us-east-1",
) -> Signed:
    """Check the signature of a request and return what it proves.

    Parameters
    ----------
    raw_path, raw_query:
        As they stand in the request line, still encoded.
    headers:
        All headers; repeated ones as repeated pairs.
    payload_hash:
        SHA-256 of the body in hex, or None if the body is streamed: then the hash that was signed
        is trusted here and the caller has to compare it, see :attr:`Signed.payload`.
    now:
        Aware time of the check.
    service:
        The only signing name to accept, e.g. ``s3``. None takes any.
    region:
        Region of callers whose signature names none: presigned S3 URLs of version 2.

    Raises
    ------
    AWSError
        With the code the service asked would use: ``MissingAuthenticationTokenException``,
        ``IncompleteSignatureException``, ``UnrecognizedClientException``,
        ``InvalidSignatureException``, ``ExpiredTokenException``, or what S3 and the query
        services call these.
    """
    fields = _fields(headers)
    if service in (None, "s3") and "Authorization" not in fields and is_presigned(raw_query):
        presigned = verify_presigned(keys, method, raw_path, raw_query, fields, now)
        return _signed_v2(presigned, region)
    errors = SignatureErrors.of(service, fields)
    query = _query_pairs(raw_query)
    claimed = _claimed(fields, query, errors)
    if service and claimed.service != service:
        raise errors.malformed(f"Credential should be scoped to correct service: '{service}'.")
    errors = SignatureErrors.of(claimed.service, fields)
    _check_time(claimed, now, errors)
    _check_signed_headers(claimed, fields, errors)
    identity = errors.resolve(keys, claimed.access_key, claimed.token, now)
    payload = _payload(claimed, fields, payload_hash, errors)
    canonical = "\n".join(
        (
            method.upper(),
            _canonical_path(raw_path, claimed.service),
            _canonical_query(query),
            *(f"{name}:{_header_value(fields, name)}" for name in claimed.signed_headers),
            "",
            ";".join(claimed.signed_headers),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    signing_key = _signing_key(identity.secret_key, claimed.scope)
    to_sign = "\n".join((ALGORITHM, claimed.timestamp, claimed.scope, digest))
    expected = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), claimed.signature.encode()):
        raise errors.mismatch()
    return Signed(
        Caller(identity.account, claimed.region, claimed.access_key, identity.arn),
        identity.claims,
        claimed.service,
        payload,
        claimed.signature,
        claimed.timestamp,
        claimed.scope,
        signing_key,
    )


def signed_service(raw_query: str, headers: HeaderSource) -> str | None:
    """Return the signing name a request claims, unchecked, or None if it is not signed."""
    fields = _fields(headers)
    if "Authorization" not in fields and is_presigned(raw_query):
        return "s3"
    found = _CREDENTIAL.search(fields.get("Authorization", ""))
    parts = (found.group(1) if found else _query_credential(raw_query)).split("/")
    return parts[-2] if len(parts) >= 5 else None


def _query_credential(raw_query: str) -> str:
    pairs = (piece.partition("=") for piece in raw_query.split("&"))
    given = [value for name, _, value in pairs if _decode(name) == "X-Amz-Credential"]
    return _decode(given[-1]) if given else ""


def _fields(headers: HeaderSource) -> CIMultiDictProxy[str]:
    if isinstance(headers, CIMultiDictProxy):
        return headers
    return CIMultiDictProxy(CIMultiDict(headers))


def _signed_v2(presigned: PresignedV2, region: str) -> Signed:
    identity = presigned.identity
    return Signed(
        Caller(identity.account, region, presigned.access_key, identity.arn),
        identity.claims,
        "s3",
        UNSIGNED_PAYLOAD,
        presigned.signature,
        presigned.expires,
        "",
        b"",
    )


def _claimed(
    headers: CIMultiDictProxy[str], query: list[tuple[str, str]], errors: SignatureErrors
) -> _Claimed:
    names = [name for name, _ in query]
    if "Authorization" in headers:
        if "X-Amz-Signature" in names or len(headers.getall("Authorization")) > 1:
            raise errors.malformed("Only one auth mechanism allowed.")
        return _from_header(headers, errors)
    if "X-Amz-Signature" in names or "X-Amz-Algorithm" in names:
        if len(set(names)) != len(names) and any(
            name.startswith("X-Amz-") and names.count(name) > 1 for name in names
        ):
            raise errors.malformed("An authentication parameter is given twice.")
        return _from_query(dict(query), errors)
    raise errors.missing()


def _from_header(headers: CIMultiDictProxy[str], errors: SignatureErrors) -> _Claimed:
    algorithm, _, rest = headers["Authorization"].strip().partition(" ")
    if algorithm != ALGORITHM:
        raise errors.malformed(f"The authorization mechanism must be {ALGORITHM}.")
    parts: dict[str, str] = {}
    for piece in rest.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals or name in parts:
            raise errors.malformed(f"Not a valid part of an Authorization header: {name!r}.")
        parts[name] = value
    timestamp = headers.get("X-Amz-Date")
    if timestamp is None:
        raise errors.malformed("Authorization header requires existence of an 'X-Amz-Date' header.")
    return _build(
        parts.get("Credential"),
        parts.get("SignedHeaders"),
        parts.get("Signature"),
        timestamp,
        headers.get("X-Amz-Security-Token"),
        None,
        errors,
    )


def _from_query(query: dict[str, str], errors: SignatureErrors) -> _Claimed:
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise errors.malformed(f"X-Amz-Algorithm must be {ALGORITHM}.")
    expires = query.get("X-Amz-Expires", "")
    # The query services of botocore presign with an expiry as well, so it is always there.
    if not re.fullmatch(r"[0-9]{1,9}", expires) or not 1 <= int(expires) <= MAX_PRESIGN:
        raise errors.malformed("X-Amz-Expires must be between 1 and 604800 seconds.")
    return _build(
        query.get("X-Amz-Credential"),
        query.get("X-Amz-SignedHeaders"),
        query.get("X-Amz-Signature"),
        query.get("X-Amz-Date", ""),
        query.get("X-Amz-Security-Token"),
        int(expires),
        errors,
    )


def _build(
    credential: str | None,
    signed_headers: str | None,
    signature: str | None,
    timestamp: str,
    token: str | None,
    expires: int | None,
    errors: SignatureErrors,
) -> _Claimed:
    if not (credential and signed_headers and signature):
        raise errors.malformed("Credential, SignedHeaders and Signature are all required.")
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise errors.malformed(
            "Credential must have the form KEY/YYYYMMDD/REGION/SERVICE/aws4_request."
        )
    key, date, region, service, _ = parts
    if not _SCOPE_PART.fullmatch(region) or not _SCOPE_PART.fullmatch(service):
        raise errors.malformed("Region or service of the credential scope is not valid.")
    time = _time(timestamp)
    if time is None:
        raise errors.malformed("X-Amz-Date must be a time of the form YYYYMMDDTHHMMSSZ.")
    if timestamp[:8] != date:
        raise errors.malformed(
            f"Date in Credential scope does not match YYYYMMDD of X-Amz-Date: {date!r}."
        )
    names = tuple(signed_headers.split(";"))
    if list(names) != sorted(set(names)) or not all(map(_HEADER_NAME.fullmatch, names)):
        raise errors.malformed("SignedHeaders must be distinct lower-case names in order.")
    return _Claimed(key, date, region, service, names, signature, timestamp, time, token, expires)


def _time(timestamp: str) -> datetime | None:
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError:
        return None


def _check_time(claimed: _Claimed, now: datetime, errors: SignatureErrors) -> None:
    age = now - claimed.time
    if claimed.expires is None:
        if abs(age) > MAX_SKEW:
            raise errors.skewed(claimed.timestamp, now)
    elif age < -MAX_SKEW:
        raise errors.not_yet_valid()
    elif age > timedelta(seconds=claimed.expires):
        raise errors.expired()


def _check_signed_headers(
    claimed: _Claimed, headers: CIMultiDictProxy[str], errors: SignatureErrors
) -> None:
    if "host" not in claimed.signed_headers:
        raise errors.malformed("'Host' must be a signed header.")
    absent = [name for name in claimed.signed_headers if name not in headers]
    if absent:
        raise errors.malformed(f"Signed headers are missing from the request: {absent}.")
    present = {name.lower() for name in headers if name.lower().startswith("x-amz-")}
    unsigned = sorted(present - set(claimed.signed_headers))
    if unsigned:
        raise errors.unsigned_headers(unsigned)


def _payload(
    claimed: _Claimed,
    headers: CIMultiDictProxy[str],
    actual: str | None,
    errors: SignatureErrors,
) -> str:
    stated = headers.get("X-Amz-Content-Sha256")
    if claimed.service == "s3":
        if stated is None:
            if claimed.expires is None:
                raise errors.missing_content_hash()
            return UNSIGNED_PAYLOAD
        if stated == UNSIGNED_PAYLOAD or stated.startswith("STREAMING-"):
            return stated
    elif stated is None:
        if actual is None and claimed.expires is None:
            raise errors.missing_content_hash()
        # A presigned URL of a query service signs the empty body it is fetched with.
        stated = actual if actual is not None else _EMPTY_HASH
    if not _HASH.fullmatch(stated):
        raise errors.bad_content_hash()
    if actual is not None and not hmac.compare_digest(stated, actual):
        raise errors.content_mismatch(stated, actual)
    return stated


def _query_pairs(raw: str) -> list[tuple[str, str]]:
    pairs = (piece.partition("=") for piece in raw.split("&") if piece)
    return [(_decode(name), _decode(value)) for name, _, value in pairs]


def _decode(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _encode(text: str, safe: str = _UNRESERVED) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)


def _canonical_path(raw_path: str, service: str) -> str:
    if (_PLAIN_PATH if service == "s3" else _NORMAL_PATH).fullmatch(raw_path):
        return raw_path
    if service == "s3":
        return _encode(_decode(raw_path), "/" + _UNRESERVED) or "/"
    return _encode(normalize_url_path(raw_path or "/"), "/" + _UNRESERVED)


def _canonical_query(pairs: list[tuple[str, str]]) -> str:
    encoded = sorted(
        (_encode(name), _encode(value)) for name, value in pairs if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _header_value(headers: CIMultiDictProxy[str], name: str) -> str:
    return ",".join(" ".join(value.split()) for value in headers.getall(name))


@lru_cache(maxsize=1024)
def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
