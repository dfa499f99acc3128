"""Conditional writes, also by many at once, and whose buckets they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]
WRITERS = 20


@pytest.fixture
def many(shared_front: Front) -> Iterator[S3Client]:
    client = shared_front.client(Config(max_pool_connections=WRITERS))
    yield client
    client.close()


def race(attempt: Callable[[int], Any]) -> tuple[list[int], set[tuple[str, int]]]:
    """Let everybody attempt at once; return who won, and the errors of the others."""
    barrier = threading.Barrier(WRITERS)
    winners: list[int] = []
    errors: set[tuple[str, int]] = set()

    def run(number: int) -> None:
        barrier.wait()
        try:
            attempt(number)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            errors.add((error.response["Error"]["Code"], status))
        else:
            winners.append(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(run, range(WRITERS)))
    return winners, errors


LOST = {("PreconditionFailed", 412)}


@pytest.mark.parametrize("status", [None, "Enabled"])
def test_one_of_many_puts_wins(many: S3Client, bucket: str, status: Any) -> None:
    if status:
        many.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    winners, errors = race(
        lambda number: many.put_object(**where, Body=b"%d" % number, IfNoneMatch="*")
    )
    assert (len(winners), errors) == (1, LOST)
    answer = many.get_object(**where)
    assert answer["Body"].read() == b"%d" % winners[0]
    winners, errors = race(
        lambda number: many.put_object(**where, Body=b"+%d" % number, IfMatch=answer["ETag"])
    )
    assert (len(winners), errors) == (1, LOST)
    answer = many.get_object(**where)
    assert answer["Body"].read() == b"+%d" % winners[0]
    winners, errors = race(lambda _: many.delete_object(**where, IfMatch=answer["ETag"]))
    assert (len(winners), errors) == (1, {("NoSuchKey", 404)})
    if status:
        pages = many.list_object_versions(Bucket=bucket)
        assert (len(pages["Versions"]), len(pages["DeleteMarkers"])) == (2, 1)


def test_one_of_many_completed_uploads_wins(
    many: S3Client, shared_front: Front, bucket: str
) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    uploads = []
    for number in range(WRITERS):
        upload = many.create_multipart_upload(**where)["UploadId"]
        part = many.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"%d" % number)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        uploads.append({"UploadId": upload, "MultipartUpload": parts})

    def complete(number: int, **condition: str) -> None:
        many.complete_multipart_upload(**where, **uploads[number], **condition)

    winners, errors = race(lambda number: complete(number, IfNoneMatch="*"))
    assert (len(winners), errors) == (1, LOST)
    answer = many.get_object(**where)
    assert answer["Body"].read() == b"%d" % winners[0]
    # Who lost still has the upload, and may complete it on other terms.
    loser = (winners[0] + 1) % WRITERS
    complete(loser, IfMatch=answer["ETag"])
    assert many.get_object(**where)["Body"].read() == b"%d" % loser
    left = many.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert len(left) == WRITERS - 2
    assert list((shared_front.data / "incoming").iterdir()) == []


def test_one_of_many_copies_wins(many: S3Client, bucket: str) -> None:
    many.put_object(Bucket=bucket, Key="source", Body=b"x")
    source = {"Bucket": bucket, "Key": "source"}
    winners, errors = race(
        lambda number: many.copy_object(
            Bucket=bucket, Key="k", CopySource=source, IfNoneMatch="*", Tagging=f"n={number}"
        )
    )
    assert (len(winners), errors) == (1, LOST)


def test_conditions_of_a_copy(s3: S3Client, bucket: str, fails: Fails) -> None:
    etag = s3.put_object(Bucket=bucket, Key="source", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="source")["LastModified"]
    other = s3.put_object(Bucket=bucket, Key="target", Body=b"y")["ETag"]
    where: dict[str, Any] = {
        "Bucket": bucket,
        "Key": "target",
        "CopySource": {"Bucket": bucket, "Key": "source"},
    }
    failed = ("PreconditionFailed", 412)
    assert fails(s3.copy_object, **where, CopySourceIfMatch=other) == failed
    assert fails(s3.copy_object, **where, CopySourceIfNoneMatch=etag) == failed
    assert fails(s3.copy_object, **where, CopySourceIfModifiedSince=modified) == failed
    assert fails(s3.copy_object, **where, IfMatch=etag) == failed
    assert fails(s3.copy_object, **where, IfNoneMatch="*") == failed
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == b"y"
    s3.copy_object(**where, CopySourceIfUnmodifiedSince=modified, IfMatch=other)
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == b"x"


# Owners ----------------------------------------------------------------------------------------

WHAT: dict[str, dict[str, Any]] = {
    "abort_multipart_upload": {"Key": "k", "UploadId": "u"},
    "complete_multipart_upload": {
        "Key": "k",
        "UploadId": "u",
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "e"}]},
    },
    "copy_object": {"Key": "c", "CopySource": "here/k"},
    "create_multipart_upload": {"Key": "m"},
    "delete_bucket": {},
    "delete_object": {"Key": "k"},
    "delete_object_tagging": {"Key": "k"},
    "delete_objects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "get_bucket_location": {},
    "get_bucket_versioning": {},
    "get_object": {"Key": "k"},
    "get_object_tagging": {"Key": "k"},
    "list_multipart_uploads": {},
    "list_object_versions": {},
    "list_objects": {},
    "list_objects_v2": {},
    "list_parts": {"Key": "k", "UploadId": "u"},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_object": {"Key": "k", "Body": b"other"},
    "put_object_tagging": {"Key": "k", "Tagging": {"TagSet": []}},
    "upload_part": {"Key": "k", "UploadId": "u", "PartNumber": 1, "Body": b""},
    "upload_part_copy": {"Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": "here/k"},
}


def test_a_bucket_of_somebody_else(s3: S3Client, bucket: str, fails: Fails) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    for name, members in WHAT.items():
        refused = fails(
            getattr(s3, name), Bucket=bucket, ExpectedBucketOwner="111111111111", **members
        )
        assert refused == ("AccessDenied", 403), name
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"
    source = {"Bucket": bucket, "Key": "k"}
    copy: dict[str, Any] = {"Bucket": bucket, "Key": "c", "CopySource": source}
    stranger = fails(s3.copy_object, **copy, ExpectedSourceBucketOwner="111111111111")
    assert stranger == ("AccessDenied", 403)
    s3.copy_object(**copy, ExpectedBucketOwner=ACCOUNT, ExpectedSourceBucketOwner=ACCOUNT)


# The old listing -------------------------------------------------------------------------------


def test_markers_of_the_old_listing(s3: S3Client, bucket: str) -> None:
    for key in ("a", "b/1", "b/2", "c", "d/1"):
        s3.put_object(Bucket=bucket, Key=key)
    page = s3.list_objects(Bucket=bucket, MaxKeys=2)
    assert (page["IsTruncated"], page["Marker"]) == (True, "")
    assert "NextMarker" not in page
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Marker="b/1")
    assert [item["Key"] for item in page["Contents"]] == ["b/2", "c"]
    assert page["Marker"] == "b/1"
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert [item["Key"] for item in page["Contents"]] == ["a"]
    assert page["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert page["NextMarker"] == "b/"
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/", Marker=page["NextMarker"])
    assert [item["Key"] for item in page["Contents"]] == ["c"]
    assert page["CommonPrefixes"] == [{"Prefix": "d/"}]
    assert page["IsTruncated"] is False
    assert "NextMarker" not in page
    assert page["Contents"][0]["Owner"]["ID"] == ACCOUNT
