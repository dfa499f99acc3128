"""Tags of objects."""

from __future__ import annotations

from jupyter_mlstudio.wire.operation import Call, operation

from .app import S3, Request, Response, checked_tags


@operation("s3", "GetObjectTagging")
def get_object_tagging(call: Call[S3], request: Request) -> Response:
    """Return the tags of an object."""
    tags = call.app.store.get(request["Bucket"], request["Key"]).details.tags
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation("s3", "PutObjectTagging")
def put_object_tagging(call: Call[S3], request: Request) -> Response:
    """Replace the tags of an object."""
    tags = [(tag["Key"], tag["Value"]) for tag in request["Tagging"]["TagSet"]]
    call.app.store.tag(request["Bucket"], request["Key"], checked_tags(tags))
    return {}


@operation("s3", "DeleteObjectTagging")
def delete_object_tagging(call: Call[S3], request: Request) -> Response:
    """Remove all tags of an object."""
    call.app.store.tag(request["Bucket"], request["Key"], {})
    return {}
