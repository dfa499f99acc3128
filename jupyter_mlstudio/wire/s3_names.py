"""What the S3 model does not say about XML: the names of root elements, and URL-encoded keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycle": "LifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}

# Operation -> members to encode, and lists of structures with the member to encode in each.
_ENCODED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "ListObjects": (
        ("Delimiter", "Marker", "NextMarker", "Prefix"),
        {"Contents": "Key", "CommonPrefixes": "Prefix"},
    ),
    "ListObjectsV2": (
        ("Delimiter", "Prefix", "StartAfter"),
        {"Contents": "Key", "CommonPrefixes": "Prefix"},
    ),
    "ListObjectVersions": (
        ("Delimiter", "KeyMarker", "NextKeyMarker", "Prefix"),
        {"Versions": "Key", "DeleteMarkers": "Key", "CommonPrefixes": "Prefix"},
    ),
    "ListMultipartUploads": (
        ("Delimiter", "KeyMarker", "NextKeyMarker", "Prefix"),
        {"Uploads": "Key", "CommonPrefixes": "Prefix"},
    ),
}


def root_name(operation: str) -> str:
    """Return the root element of an operation's answer."""
    return _ROOTS.get(operation, f"{operation}Result")


def url_encoded(operation: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Encode keys in a listing whose ``EncodingType`` is ``url``; others are returned as is.

    Only so can keys with characters travel that XML has no place for.
    """
    if result.get("EncodingType") != "url" or operation not in _ENCODED:
        return result
    members, lists = _ENCODED[operation]
    encoded = dict(result)
    for name in members:
        if encoded.get(name) is not None:
            encoded[name] = _quote(encoded[name])
    for name, key in lists.items():
        if encoded.get(name):
            encoded[name] = [{**item, key: _quote(item[key])} for item in encoded[name]]
    return encoded


def _quote(text: str) -> str:
    return quote(text, safe="/-_.~*")
