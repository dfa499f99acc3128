"""What all S3 operations share: the store, whose it is, and how objects are described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call

from .. import checksums
from ..catalog import Details, Entry
from ..events import Cause
from ..objects import ObjectStore

Request = Mapping[str, Any]
Response = dict[str, Any]

_CONTENT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
_ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId")
_UNSUPPORTED = (
    "BucketNamespace",
    "BypassGovernanceRetention",
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWrite",
    "GrantWriteACP",
    "IfMatchLastModifiedTime",
    "IfMatchSize",
    "MFA",
    "ObjectLockEnabledForBucket",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "CopySourceSSECustomerAlgorithm",
    "CopySourceSSECustomerKey",
    "WebsiteRedirectLocation",
    "WriteOffsetBytes",
)
_ACLS = ("private", "bucket-owner-read", "bucket-owner-full-control")
_METADATA_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class S3:
    """What operations find as ``call.app``: the store, and the one account it belongs to."""

    store: ObjectStore
    account: str
    configured: Callable[[str], None]
    """Told the name of every configuration that was put."""

    @property
    def owner(self) -> dict[str, str]:
        """The owner of every bucket and object, as listings name it."""
        return {"DisplayName": "mlstudio", "ID": self.account}


def check_common(call: Call[S3], request: Request) -> None:
    """Refuse what every operation refuses: foreign owners, and features that are not built."""
    expected = (request.get("ExpectedBucketOwner"), request.get("ExpectedSourceBucketOwner"))
    if any(owner not in (None, call.app.account) for owner in expected):
        raise AWSError("AccessDenied", "Access Denied", status=403)
    for name in _UNSUPPORTED:
        if request.get(name):
            raise not_implemented(f"{name} of {call.operation}")
    if request.get("ACL", _ACLS[0]) not in _ACLS:
        raise AWSError(
            "AccessControlListNotSupported", "The bucket does not allow ACLs", status=400
        )


def cause(call: Call[S3], kind: str, how: str) -> Cause:
    """Return why a change is made that ``call`` asks for."""
    return Cause(kind, how, call.request_id, call.caller.arn)


def shown_version(app: S3, bucket: str, entry: Entry) -> str | None:
    """Return the version to name in an answer; None in a bucket that never had versions."""
    if entry.number or app.store.bucket(bucket).versioning is not None:
        return entry.version
    return None


def not_implemented(what: str) -> AWSError:
    """Return the error for a part of S3 that is not built."""
    message = f"{what} is not implemented by this object store."
    return AWSError("NotImplemented", message, status=501)


def invalid(message: str, **fields: object) -> AWSError:
    """Return ``InvalidArgument``."""
    return AWSError("InvalidArgument", message, status=400, fields=fields)


def described(request: Request) -> Details:
    """Return what a request says of the object it makes, but for checksums."""
    headers = {name: request[name] for name in (*_CONTENT, *_ENCRYPTION) if request.get(name)}
    encodings = [item.strip() for item in headers.pop("ContentEncoding", "").split(",")]
    kept = ",".join(item for item in encodings if item and item != "aws-chunked")
    if kept:
        headers["ContentEncoding"] = kept
    headers["ContentType"] = request.get("ContentType") or "binary/octet-stream"
    if request.get("Expires"):
        headers["Expires"] = request["Expires"].isoformat()
    if request.get("StorageClass", "STANDARD") != "STANDARD":
        headers["StorageClass"] = request["StorageClass"]
    metadata = {name.lower(): value for name, value in request.get("Metadata", {}).items()}
    if sum(len(f"{name}{value}".encode()) for name, value in metadata.items()) > _METADATA_LIMIT:
        raise AWSError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            status=400,
            fields={"MaxSizeAllowed": _METADATA_LIMIT},
        )
    return Details(headers, metadata, parse_tags(request.get("Tagging")))


def parse_tags(text: str | None) -> dict[str, str]:
    """Read the ``x-amz-tagging`` header."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    except ValueError:
        raise invalid(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded"
            " URL query parameters without tag name duplicates."
        ) from None
    return checked_tags(pairs)


def checked_tags(
    pairs: list[tuple[str, str]], what: str = "Object", most: int = 10
) -> dict[str, str]:
    """Return tags as a mapping if S3 would take them."""
    if len(pairs) > most:
        message = f"{what} tags cannot be greater than {most}"
        raise AWSError("BadRequest", message, status=400)
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise AWSError("InvalidTag", "Cannot provide multiple Tags with the same key", status=400)
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            raise AWSError("InvalidTag", "The TagKey you have provided is invalid", status=400)
        if len(value) > 256:
            raise AWSError("InvalidTag", "The TagValue you have provided is invalid", status=400)
    return tags


def encryption(details: Details) -> Response:
    """Return the encryption members that answers to writes repeat."""
    return {name: details.headers[name] for name in _ENCRYPTION if name in details.headers}


def checksum(details: Details) -> Response:
    """Return the checksum of an object and its type as members."""
    if details.algorithm is None or details.checksum is None:
        return {}
    return {
        f"Checksum{details.algorithm}": details.checksum,
        "ChecksumType": details.checksum_type,
    }


def moment(seconds: float) -> datetime:
    """Return an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def metadata(entry: Entry) -> Response:
    """Return what GetObject and HeadObject say of an object, but for ranges and checksums."""
    headers = dict(entry.details.headers)
    expires = headers.pop("Expires", None)
    return {
        **headers,
        "Expires": datetime.fromisoformat(expires) if expires else None,
        "Metadata": entry.details.metadata,
        "AcceptRanges": "bytes",
        "LastModified": moment(entry.modified),
        "ETag": f'"{entry.etag}"',
        "TagCount": len(entry.details.tags) or None,
    }


def claimed_checksum(request: Request) -> tuple[str, str] | None:
    """Return (algorithm, checksum) of a request that carries one as a member."""
    for algorithm in checksums.NAMES:
        value = request.get(f"Checksum{algorithm}")
        if value is not None:
            return algorithm, value
    return None
