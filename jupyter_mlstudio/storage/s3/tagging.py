"""Tags of objects and of their versions."""

from __future__ import annotations

from jupyter_mlstudio.wire.operation import Call, operation

from .app import S3, Request, Response, cause, checked_tags, shown_version


@operation("s3", "GetObjectTagging")
def get_object_tagging(call: Call[S3], request: Request) -> Response:
    """Return the tags of an object."""
    entry = call.app.store.get(request["Bucket"], request["Key"], request.get("VersionId"))
    tags = entry.details.tags
    return {
        "TagSet": [{"Key": key, "Value": value} for key, value in tags.items()],
        "VersionId": shown_version(call.app, request["Bucket"], entry),
    }


@operation("s3", "PutObjectTagging")
def put_object_tagging(call: Call[S3], request: Request) -> Response:
    """Replace the tags of an object."""
    tags = [(tag["Key"], tag["Value"]) for tag in request["Tagging"]["TagSet"]]
    return _tag(call, request, checked_tags(tags), "Put")


@operation("s3", "DeleteObjectTagging")
def delete_object_tagging(call: Call[S3], request: Request) -> Response:
    """Remove all tags of an object."""
    return _tag(call, request, {}, "Delete")


def _tag(call: Call[S3], request: Request, tags: dict[str, str], how: str) -> Response:
    bucket = request["Bucket"]
    why = cause(call, "ObjectTagging", how)
    entry = call.app.store.tag(bucket, request["Key"], tags, request.get("VersionId"), why)
    return {"VersionId": shown_version(call.app, bucket, entry)}
