"""Buckets."""

from __future__ import annotations

import base64
import binascii

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .app import S3, Request, Response, invalid, moment

_DEFAULT_REGION = "us-east-1"


@operation("s3", "ListBuckets")
def list_buckets(call: Call[S3], request: Request) -> Response:
    """List buckets by name."""
    prefix, region = request.get("Prefix", ""), request.get("BucketRegion")
    after = decode_token(request.get("ContinuationToken"))
    found = [
        bucket
        for bucket in call.app.store.buckets()
        if bucket.name.startswith(prefix)
        and region in (None, bucket.region)
        and bucket.name > after
    ]
    limit = request.get("MaxBuckets", 10_000)
    answer: Response = {
        "Buckets": [
            {
                "Name": bucket.name,
                "CreationDate": moment(bucket.created),
                "BucketRegion": bucket.region,
            }
            for bucket in found[:limit]
        ],
        "Owner": call.app.owner,
    }
    if prefix:
        answer["Prefix"] = prefix
    if len(found) > limit:
        answer["ContinuationToken"] = encode_token(found[limit - 1].name)
    return answer


@operation("s3", "CreateBucket")
def create_bucket(call: Call[S3], request: Request) -> Response:
    """Make a bucket in the region the request is signed for or names."""
    wish = request.get("CreateBucketConfiguration", {}).get("LocationConstraint") or None
    region = {"EU": "eu-west-1", None: _DEFAULT_REGION}.get(wish, wish)
    if call.region not in (_DEFAULT_REGION, region):
        raise AWSError(
            "IllegalLocationConstraintException",
            f"The {wish or 'unspecified'} location constraint is incompatible for the region"
            " specific endpoint this request was sent to.",
            status=400,
        )
    call.app.store.create_bucket(request["Bucket"], str(region))
    return {"Location": f"/{request['Bucket']}"}


@operation("s3", "HeadBucket")
def head_bucket(call: Call[S3], request: Request) -> Response:
    """Say that a bucket is there, and where."""
    return {"BucketRegion": call.app.store.bucket(request["Bucket"]).region}


@operation("s3", "GetBucketLocation")
def get_bucket_location(call: Call[S3], request: Request) -> Response:
    """Return the region of a bucket; none stands for us-east-1."""
    region = call.app.store.bucket(request["Bucket"]).region
    return {} if region == _DEFAULT_REGION else {"LocationConstraint": region}


@operation("s3", "DeleteBucket")
def delete_bucket(call: Call[S3], request: Request) -> Response:
    """Delete an empty bucket."""
    call.app.store.delete_bucket(request["Bucket"])
    return {}


def encode_token(last: str) -> str:
    """Return a continuation token for a list that ended with ``last``."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def decode_token(token: str | None) -> str:
    """Return where to go on; an empty string without a token."""
    if not token:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("The continuation token provided is incorrect") from None
