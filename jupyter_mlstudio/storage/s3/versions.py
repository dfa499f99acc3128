"""Versioning of buckets, and the list of all versions."""

from __future__ import annotations

from jupyter_mlstudio.wire.operation import Call, operation

from ..catalog import Entry
from ..decisions import version_number
from ..listing import list_versions
from .app import S3, Request, Response, invalid, moment, not_implemented
from .listing import limit, listed


@operation("s3", "PutBucketVersioning")
def put_bucket_versioning(call: Call[S3], request: Request) -> Response:
    """Enable or suspend versioning."""
    wish = request["VersioningConfiguration"]
    if wish.get("MFADelete", "Disabled") != "Disabled":
        raise not_implemented("MFADelete")
    if wish.get("Status") is None:
        raise invalid("The Versioning element must be specified")
    call.app.store.set_versioning(request["Bucket"], wish["Status"])
    return {}


@operation("s3", "GetBucketVersioning")
def get_bucket_versioning(call: Call[S3], request: Request) -> Response:
    """Say whether versioning is enabled or suspended; nothing if it never was enabled."""
    status = call.app.store.bucket(request["Bucket"]).versioning
    return {"Status": status} if status else {}


@operation("s3", "ListObjectVersions")
def list_object_versions(call: Call[S3], request: Request) -> Response:
    """List all versions and delete markers, the newest of each key first."""
    store, bucket = call.app.store, request["Bucket"]
    store.bucket(bucket)
    key, version = request.get("KeyMarker", ""), request.get("VersionIdMarker", "")
    if version and not key:
        raise invalid("A version-id marker cannot be specified without a key marker.")
    page = list_versions(
        store.reading,
        bucket,
        prefix=request.get("Prefix", ""),
        delimiter=request.get("Delimiter", ""),
        after=key,
        below=_below(call.app, bucket, key, version) if version else None,
        limit=limit(request, "MaxKeys"),
    )
    answer: Response = {
        "Name": bucket,
        "Prefix": request.get("Prefix", ""),
        "KeyMarker": key,
        "VersionIdMarker": version,
        "MaxKeys": limit(request, "MaxKeys"),
        "IsTruncated": page.truncated,
        "Versions": [_version(call.app, entry) for entry in page.entries if not entry.is_marker],
        "DeleteMarkers": [_marker(call.app, entry) for entry in page.entries if entry.is_marker],
        "CommonPrefixes": [{"Prefix": prefix} for prefix in page.prefixes],
    }
    for name in ("Delimiter", "EncodingType"):
        if request.get(name):
            answer[name] = request[name]
    if page.truncated:
        answer["NextKeyMarker"] = page.last
        answer["NextVersionIdMarker"] = page.last_version or None
    return answer


def _below(app: S3, bucket: str, key: str, version: str) -> int:
    """Return the number of a version, which may have been deleted since it was listed."""
    number = version_number(version)
    if number is None:
        found = app.store.find_version(bucket, key, version)
        # The null version says nothing of when it was; older ones are still to come.
        number = found.number if found else 1 << 62
    return number


def _version(app: S3, entry: Entry) -> Response:
    return {
        **listed(app, entry, owner=True),
        "StorageClass": "STANDARD",
        "VersionId": entry.version,
        "IsLatest": entry.latest,
    }


def _marker(app: S3, entry: Entry) -> Response:
    return {
        "Key": entry.key,
        "VersionId": entry.version,
        "IsLatest": entry.latest,
        "LastModified": moment(entry.modified),
        "Owner": app.owner,
    }
