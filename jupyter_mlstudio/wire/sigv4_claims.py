"""What a request says of its own Signature Version 4; nothing of it is checked here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from multidict import CIMultiDictProxy

from .sigv4_errors import SignatureErrors

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_PRESIGN = 7 * 24 * 3600
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SCOPE_PART = re.compile(r"[a-zA-Z0-9-]{1,64}")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class Claimed:
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
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_claims(
    headers: CIMultiDictProxy[str], query: list[tuple[str, str]], errors: SignatureErrors
) -> Claimed:
    """Read the ``Authorization`` header or the query of a presigned URL.

    Raises
    ------
    AWSError
        The request is not signed, or what it says of its signature cannot be read.
    """
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


def _from_header(headers: CIMultiDictProxy[str], errors: SignatureErrors) -> Claimed:
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


def _from_query(query: dict[str, str], errors: SignatureErrors) -> Claimed:
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
) -> Claimed:
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
    return Claimed(key, date, region, service, names, signature, timestamp, time, token, expires)


def _time(timestamp: str) -> datetime | None:
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError:
        return None
