"""Objects and listings through a real client with its default configuration."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, BUCKET, Front
from .test_objects import HOSTILE

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]
MIB = 1 << 20


# Buckets ---------------------------------------------------------------------------------------


def test_buckets(s3: S3Client, bucket: str, fails: Fails) -> None:
    names = {item["Name"]: item for item in s3.list_buckets()["Buckets"]}
    assert {BUCKET, bucket} <= names.keys()
    assert names[bucket]["CreationDate"] > datetime.now(UTC) - timedelta(minutes=5)
    assert s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.put_object(Bucket=bucket, Key="a")
    assert fails(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)
    assert fails(s3.head_bucket, Bucket=bucket) == ("404", 404)
    assert fails(s3.delete_bucket, Bucket=bucket) == ("NoSuchBucket", 404)
    assert fails(s3.list_objects_v2, Bucket=bucket) == ("NoSuchBucket", 404)


def test_a_bucket_of_another_region(shared_front: Front, fails: Fails) -> None:
    s3 = shared_front.client(region_name="eu-central-1")
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="frankfurt", CreateBucketConfiguration=place)
    assert s3.get_bucket_location(Bucket="frankfurt")["LocationConstraint"] == "eu-central-1"
    again = fails(s3.create_bucket, Bucket="frankfurt", CreateBucketConfiguration=place)
    assert again == ("BucketAlreadyOwnedByYou", 409)
    wrong = fails(s3.create_bucket, Bucket="elsewhere")
    assert wrong == ("IllegalLocationConstraintException", 400)
    s3.delete_bucket(Bucket="frankfurt")
    s3.close()


def test_making_a_bucket_again_is_no_error_in_the_first_region(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="kept")
    s3.create_bucket(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_list_buckets_in_pages(s3: S3Client) -> None:
    for number in range(5):
        s3.create_bucket(Bucket=f"page-{number}")
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix="page-", PaginationConfig={"PageSize": 2}
    )
    found = [[bucket["Name"] for bucket in page["Buckets"]] for page in pages]
    assert found == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]


# Objects ---------------------------------------------------------------------------------------

SIZES = [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(s3: S3Client, bucket: str, size: int) -> None:
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="put", Body=data)
    assert put["ETag"] == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="put")
    assert got["ContentLength"] == size
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    assert got["Body"].read() == data
    s3.upload_fileobj(io.BytesIO(data), bucket, "uploaded")
    target = io.BytesIO()
    s3.download_fileobj(bucket, "uploaded", target)
    assert target.getvalue() == data


def test_headers_and_metadata_come_back(s3: S3Client, bucket: str) -> None:
    said: dict[str, Any] = {
        "ContentType": "text/csv",
        "CacheControl": "no-store",
        "ContentDisposition": 'attachment; filename="a.csv"',
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "Expires": datetime(2030, 1, 2, tzinfo=UTC),
        "Metadata": {"colour": "blue", "size": "7 mm"},
        "ServerSideEncryption": "AES256",
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=%20d", **said)
    for answer in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: answer[name] for name in said} == said  # type: ignore[literal-required]
        assert answer["TagCount"] == 2
    plain = s3.put_object(Bucket=bucket, Key="plain", Body=b"x") and s3.head_object(
        Bucket=bucket, Key="plain"
    )
    assert plain["ContentType"] == "binary/octet-stream"
    assert plain["Metadata"] == {}


def test_overrides_of_an_answer(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/csv")
    answer = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="text/plain",
        ResponseContentDisposition="attachment",
    )
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("text/plain", "attachment")


@pytest.mark.parametrize("key", HOSTILE)
def test_any_key(s3: S3Client, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [item["Key"] for item in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    assert [item["Key"] for item in deleted["Deleted"]] == [key, "copy"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_keys_that_cannot_be(s3: S3Client, bucket: str, fails: Fails) -> None:
    assert fails(s3.put_object, Bucket=bucket, Key="a\0b") == ("InvalidArgument", 400)
    assert fails(s3.put_object, Bucket=bucket, Key="k" * 1025)[0] == "KeyTooLongError"


def test_missing_things(s3: S3Client, bucket: str, fails: Fails) -> None:
    assert fails(s3.get_object, Bucket=bucket, Key="no") == ("NoSuchKey", 404)
    assert fails(s3.head_object, Bucket=bucket, Key="no") == ("404", 404)
    assert fails(s3.get_object, Bucket="no-such", Key="no") == ("NoSuchBucket", 404)
    assert fails(s3.head_object, Bucket="no-such", Key="no") == ("404", 404)
    assert fails(s3.put_object, Bucket="no-such", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert fails(s3.get_object_tagging, Bucket=bucket, Key="no") == ("NoSuchKey", 404)
    source = {"Bucket": bucket, "Key": "no"}
    assert fails(s3.copy_object, Bucket=bucket, Key="k", CopySource=source) == ("NoSuchKey", 404)
    s3.delete_object(Bucket=bucket, Key="no")


def test_the_expected_owner(s3: S3Client, bucket: str, fails: Fails) -> None:
    s3.put_object(Bucket=bucket, Key="k", ExpectedBucketOwner=ACCOUNT)
    stranger = {"Bucket": bucket, "ExpectedBucketOwner": "111111111111"}
    assert fails(s3.get_object, Key="k", **stranger) == ("AccessDenied", 403)
    assert fails(s3.head_bucket, **stranger) == ("403", 403)
    assert fails(s3.list_objects_v2, **stranger) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("range_", "expected"),
    [
        ("bytes=0-0", "0"),
        ("bytes=2-4", "234"),
        ("bytes=7-", "789"),
        ("bytes=-3", "789"),
        ("bytes=-99", "0123456789"),
        ("bytes=5-99", "56789"),
    ],
)
def test_ranges(s3: S3Client, bucket: str, range_: str, expected: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=range_)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["Body"].read().decode() == expected
    start = "0123456789".index(expected)
    assert answer["ContentRange"] == f"bytes {start}-{start + len(expected) - 1}/10"
    head = s3.head_object(Bucket=bucket, Key="k", Range=range_)
    assert head["ContentLength"] == len(expected)


def test_ranges_that_cannot_be(s3: S3Client, bucket: str, fails: Fails) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="empty")
    for range_ in ("bytes=10-", "bytes=99-100", "bytes=-0"):
        assert fails(s3.get_object, Bucket=bucket, Key="k", Range=range_) == ("InvalidRange", 416)
    assert fails(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-")[0] == "InvalidRange"
    for range_ in ("bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=0-1,3-4"):
        answer = s3.get_object(Bucket=bucket, Key="k", Range=range_)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert answer["Body"].read() == b"0123456789"


def test_conditional_reads(s3: S3Client, bucket: str, fails: Fails) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    now = datetime.now(UTC)
    before, after = now - timedelta(hours=1), now + timedelta(hours=1)
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    for fine in (
        {"IfMatch": etag},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": after},
        {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfNoneMatch": '"other"', "IfModifiedSince": after},
    ):
        assert s3.get_object(**where, **fine)["Body"].read() == b"x"
    for unchanged in ({"IfNoneMatch": etag}, {"IfModifiedSince": after}):
        assert fails(s3.get_object, **where, **unchanged) == ("304", 304)
        assert fails(s3.head_object, **where, **unchanged) == ("304", 304)
    for failed in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": before}):
        assert fails(s3.get_object, **where, **failed) == ("PreconditionFailed", 412)
        assert fails(s3.head_object, **where, **failed) == ("412", 412)


def test_conditional_writes(s3: S3Client, bucket: str, fails: Fails) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    etag = s3.put_object(**where, Body=b"1", IfNoneMatch="*")["ETag"]
    assert fails(s3.put_object, **where, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert fails(s3.put_object, **where, IfMatch='"no"') == ("PreconditionFailed", 412)
    assert fails(s3.put_object, Bucket=bucket, Key="no", IfMatch=etag) == ("NoSuchKey", 404)
    s3.put_object(**where, Body=b"2", IfMatch=etag)
    assert fails(s3.delete_object, **where, IfMatch=etag) == ("PreconditionFailed", 412)
    assert s3.get_object(**where)["Body"].read() == b"2"


def test_copies(s3: S3Client, bucket: str, fails: Fails) -> None:
    etag = s3.put_object(
        Bucket=bucket, Key="k ☃", Body=b"x", ContentType="text/csv", Metadata={"a": "b"}
    )["ETag"]
    source = {"Bucket": bucket, "Key": "k ☃"}
    copied = s3.copy_object(Bucket=BUCKET, Key="c", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == etag
    assert "ChecksumCRC32" in copied
    head = s3.head_object(Bucket=BUCKET, Key="c")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"a": "b"})
    s3.copy_object(
        Bucket=BUCKET, Key="c", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "m"}
    )
    assert s3.head_object(Bucket=BUCKET, Key="c")["Metadata"] == {"n": "m"}
    itself = fails(s3.copy_object, Bucket=bucket, Key="k ☃", CopySource=source)
    assert itself == ("InvalidRequest", 400)
    s3.copy_object(
        Bucket=bucket, Key="k ☃", CopySource=source, MetadataDirective="REPLACE", Metadata={}
    )
    assert s3.get_object(Bucket=bucket, Key="k ☃")["Body"].read() == b"x"
    refused = fails(
        s3.copy_object, Bucket=bucket, Key="no", CopySource=source, CopySourceIfMatch='"no"'
    )
    assert refused == ("PreconditionFailed", 412)
    for bad in ("nokey", f"{bucket}/", "/"):
        assert fails(s3.copy_object, Bucket=bucket, Key="no", CopySource=bad)[1] == 400
    summed = s3.copy_object(Bucket=bucket, Key="s", CopySource=source, ChecksumAlgorithm="SHA256")
    expected = s3.put_object(Bucket=bucket, Key="t", Body=b"x", ChecksumAlgorithm="SHA256")
    assert summed["CopyObjectResult"]["ChecksumSHA256"] == expected["ChecksumSHA256"]


def test_delete_objects(s3: S3Client, bucket: str, fails: Fails) -> None:
    keys = [f"k{number}" for number in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key), keys[:100]))
    wishes: Any = {"Objects": [{"Key": key} for key in keys]}
    assert len(s3.delete_objects(Bucket=bucket, Delete=wishes)["Deleted"]) == 1000
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}], "Quiet": True})
    assert "Deleted" not in quiet
    wishes["Objects"].append({"Key": "one too many"})
    assert fails(s3.delete_objects, Bucket=bucket, Delete=wishes) == ("MalformedXML", 400)


def test_tags(s3: S3Client, bucket: str, fails: Fails) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Tagging="a=b")
    assert s3.get_object_tagging(**where)["TagSet"] == [{"Key": "a", "Value": "b"}]
    tags = [{"Key": "c", "Value": "d ☃"}, {"Key": "e", "Value": ""}]
    s3.put_object_tagging(**where, Tagging={"TagSet": tags})
    assert s3.get_object_tagging(**where)["TagSet"] == tags
    assert s3.get_object(**where)["TagCount"] == 2
    s3.delete_object_tagging(**where)
    assert s3.get_object_tagging(**where)["TagSet"] == []
    many = [{"Key": str(number), "Value": ""} for number in range(11)]
    assert fails(s3.put_object_tagging, **where, Tagging={"TagSet": many})[1] == 400
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert fails(s3.put_object_tagging, **where, Tagging={"TagSet": twice})[0] == "InvalidTag"
    assert fails(s3.put_object, **where, Tagging="aws:x=1")[0] == "InvalidTag"


def test_listing_with_pages_prefix_and_delimiter(s3: S3Client, bucket: str) -> None:
    keys = ["a", "a/1", "a/2", "b/c/d", "b/c/e", "b c/+&<>", "z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"xy")
    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 1000):
            pages = list(
                s3.get_paginator(operation).paginate(  # type: ignore[call-overload]
                    Bucket=bucket, PaginationConfig={"PageSize": size}
                )
            )
            found = [item["Key"] for page in pages for item in page["Contents"]]
            assert found == sorted(keys)
            assert len(pages) == -(-len(keys) // size)
            folded = list(
                s3.get_paginator(operation).paginate(  # type: ignore[call-overload]
                    Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
                )
            )
            prefixes = [
                item["Prefix"] for page in folded for item in page.get("CommonPrefixes", ())
            ]
            assert prefixes == ["a/", "b c/", "b/"]
            assert [i["Key"] for page in folded for i in page.get("Contents", ())] == ["a", "z"]
    page = s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/", FetchOwner=True)
    assert page["CommonPrefixes"] == [{"Prefix": "b/c/"}]
    assert page["KeyCount"] == 1
    page = s3.list_objects_v2(Bucket=bucket, StartAfter="a/2", FetchOwner=True)
    assert [item["Key"] for item in page["Contents"]] == sorted(keys)[3:]
    first = page["Contents"][0]
    assert (first["Size"], first["Owner"]["ID"]) == (2, ACCOUNT)
    assert first["ChecksumAlgorithm"] == ["CRC32"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0


def test_bad_listings(s3: S3Client, bucket: str, fails: Fails) -> None:
    wrong = fails(s3.list_objects_v2, Bucket=bucket, ContinuationToken="???")
    assert wrong == ("InvalidArgument", 400)
    assert fails(s3.list_objects_v2, Bucket=bucket, MaxKeys=-1) == ("InvalidArgument", 400)


# Checksums -------------------------------------------------------------------------------------

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_agree_with_the_client(s3: S3Client, bucket: str, algorithm: Any) -> None:
    data = os.urandom(3 * MIB + 17)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    name: Any = f"Checksum{algorithm}"
    assert put[name] == head[name]
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_body_that_is_not_what_was_said(
    s3: S3Client, shared_front: Front, bucket: str, fails: Fails, size: int
) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "k", "Body": bytes(size)}
    assert fails(s3.put_object, **where, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    wrong = fails(s3.put_object, **where, ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert wrong == ("BadDigest", 400)
    assert fails(s3.put_object, **where, ContentMD5="nonsense") == ("InvalidDigest", 400)
    assert fails(s3.put_object, **where, ChecksumCRC32="nonsense") == ("InvalidRequest", 400)
    assert fails(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    assert list((shared_front.data / "incoming").iterdir()) == []


# Around ----------------------------------------------------------------------------------------


def test_what_is_not_built_says_so(s3: S3Client, bucket: str, fails: Fails) -> None:
    with pytest.raises(ClientError, match="GetBucketLogging is not implemented") as error:
        s3.get_bucket_logging(Bucket=bucket)
    assert error.value.response["Error"]["Code"] == "NotImplemented"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    for extra in (
        {"ObjectLockMode": "GOVERNANCE"},
        {"SSECustomerKey": "0" * 32, "SSECustomerAlgorithm": "AES256"},
        {"WebsiteRedirectLocation": "/x"},
        {"GrantRead": "id=1"},
    ):
        assert fails(s3.put_object, Bucket=bucket, Key="k", **extra) == ("NotImplemented", 501)
    public = fails(s3.put_object, Bucket=bucket, Key="k", ACL="public-read")
    assert public == ("AccessControlListNotSupported", 400)


def test_styles_of_addresses(shared_front: Front) -> None:
    for config in (None, Config(s3={"addressing_style": "path"}), Config(signature_version="s3v4")):
        client = shared_front.client(config)
        client.put_object(Bucket=BUCKET, Key="style", Body=b"x")
        assert client.get_object(Bucket=BUCKET, Key="style")["Body"].read() == b"x"
        client.close()


def test_many_clients_at_once(shared_front: Front, bucket: str) -> None:
    client = shared_front.client(Config(max_pool_connections=16))
    bodies = {f"k{number}": os.urandom(number * 4000) for number in range(48)}

    def trip(key: str) -> None:
        for _ in range(3):
            client.put_object(Bucket=bucket, Key=key, Body=bodies[key])
            client.put_object(Bucket=bucket, Key="contended", Body=bodies[key])
            assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == bodies[key]
            assert client.get_object(Bucket=bucket, Key="contended")["Body"].read() is not None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(trip, bodies))
    final = client.get_object(Bucket=bucket, Key="contended")["Body"].read()
    assert final in bodies.values()
    client.close()
