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

from multidict import CIMultiDict, CIMultiDictProxy

from .canonical import canonical_path, canonical_query, decoded, header_value, query_pairs
from .keys import Identity, KeyRing
from .operation import Caller
from .permissions import scope_of
from .request import HeaderSource
from .sigv2 import PresignedV2, is_presigned, verify_presigned
from .sigv4_claims import ALGORITHM, Claimed, read_claims
from .sigv4_errors import SignatureErrors

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_SKEW = timedelta(minutes=15)
_EMPTY_HASH = hashlib.sha256().hexdigest()
_CREDENTIAL = re.compile(r"Credential=([^,\s]*)")
_HASH = re.compile(r"[0-9a-f]{64}")


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
class _Read:
    """A request whose key is known and whose times are right; its signature is not checked."""

    method: str
    raw_path: str
    query: list[tuple[str, str]]
    fields: CIMultiDictProxy[str]
    claimed: Claimed
    identity: Identity
    errors: SignatureErrors


Screened = _Read | PresignedV2
"""A request that its body can still make right; it has the ``identity`` that its key claims."""


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
    request = _look(keys, method, raw_path, raw_query, headers, now, service)
    return prove(request, payload_hash, region=region)


def screen(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: HeaderSource,
    now: datetime,
    *,
    service: str | None = None,
) -> Screened:
    """Refuse, before its body is read, a request that no body can make right.

    Whose key it is, the times and the signed headers are checked; and where the headers say what
    the hash of the body is, the signature. Nothing is proved until :func:`prove` knows the body.

    Raises
    ------
    AWSError
        What :func:`verify` raises.
    """
    request = _look(keys, method, raw_path, raw_query, headers, now, service)
    if isinstance(request, _Read) and (
        request.claimed.service == "s3" or "X-Amz-Content-Sha256" in request.fields
    ):
        _check_signature(request, None)
    return request


def prove(request: Screened, payload_hash: str | None, *, region: str = "us-east-1") -> Signed:
    """Check the signature of a screened request, now that its body is known; see :func:`verify`."""
    if isinstance(request, PresignedV2):
        return _signed_v2(request, region)
    return _check_signature(request, payload_hash)


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
    given = [value for name, _, value in pairs if decoded(name) == "X-Amz-Credential"]
    return decoded(given[-1]) if given else ""


def _fields(headers: HeaderSource) -> CIMultiDictProxy[str]:
    if isinstance(headers, CIMultiDictProxy):
        return headers
    return CIMultiDictProxy(CIMultiDict(headers))


def _is_version_2(service: str | None, raw_query: str, fields: CIMultiDictProxy[str]) -> bool:
    return service in (None, "s3") and "Authorization" not in fields and is_presigned(raw_query)


def _look(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: HeaderSource,
    now: datetime,
    service: str | None,
) -> Screened:
    fields = _fields(headers)
    if _is_version_2(service, raw_query, fields):
        return verify_presigned(keys, method, raw_path, raw_query, fields, now)
    return _read(keys, method, raw_path, raw_query, fields, now, service)


def _read(
    keys: KeyRing,
    method: str,
    raw_path: str,
    raw_query: str,
    fields: CIMultiDictProxy[str],
    now: datetime,
    service: str | None,
) -> _Read:
    errors = SignatureErrors.of(service, fields)
    query = query_pairs(raw_query)
    claimed = read_claims(fields, query, errors)
    if service and claimed.service != service:
        raise errors.malformed(f"Credential should be scoped to correct service: '{service}'.")
    errors = SignatureErrors.of(claimed.service, fields)
    _check_time(claimed, now, errors)
    _check_signed_headers(claimed, fields, errors)
    identity = errors.resolve(keys, claimed.access_key, claimed.token, now)
    return _Read(method, raw_path, query, fields, claimed, identity, errors)


def _check_signature(request: _Read, payload_hash: str | None) -> Signed:
    claimed, identity, fields = request.claimed, request.identity, request.fields
    payload = _payload(claimed, fields, payload_hash, request.errors)
    canonical = "\n".join(
        (
            request.method.upper(),
            canonical_path(request.raw_path, claimed.service),
            canonical_query(request.query),
            *(f"{name}:{header_value(fields, name)}" for name in claimed.signed_headers),
            "",
            ";".join(claimed.signed_headers),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    signing_key = _signing_key(identity.secret_key, claimed.scope)
    to_sign = "\n".join((ALGORITHM, claimed.timestamp, claimed.scope, digest))
    expected = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    given = claimed.signature.encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(expected.encode(), given):
        raise request.errors.mismatch()
    return Signed(
        _caller(identity, claimed.region, claimed.access_key),
        identity.claims,
        claimed.service,
        payload,
        claimed.signature,
        claimed.timestamp,
        claimed.scope,
        signing_key,
    )


def _caller(identity: Identity, region: str, access_key: str) -> Caller:
    return Caller(identity.account, region, access_key, identity.arn, scope_of(identity.claims))


def _signed_v2(presigned: PresignedV2, region: str) -> Signed:
    identity = presigned.identity
    return Signed(
        _caller(identity, region, presigned.access_key),
        identity.claims,
        "s3",
        UNSIGNED_PAYLOAD,
        presigned.signature,
        presigned.expires,
        "",
        b"",
    )


def _check_time(claimed: Claimed, now: datetime, errors: SignatureErrors) -> None:
    age = now - claimed.time
    if claimed.expires is None:
        if abs(age) > MAX_SKEW:
            raise errors.skewed(claimed.timestamp, now)
    elif age < -MAX_SKEW:
        raise errors.not_yet_valid()
    elif age > timedelta(seconds=claimed.expires):
        raise errors.expired()


def _check_signed_headers(
    claimed: Claimed, headers: CIMultiDictProxy[str], errors: SignatureErrors
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
    claimed: Claimed,
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


@lru_cache(maxsize=1024)
def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
