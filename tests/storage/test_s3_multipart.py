"""Multipart uploads through a real client."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]
MIB = 1 << 20
PART = 5 * MIB


def start(s3: S3Client, bucket: str, key: str = "k", **more: Any) -> dict[str, Any]:
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def parts_of(answers: list[Any]) -> dict[str, Any]:
    parts = [
        {"PartNumber": number, "ETag": answer["ETag"]} for number, answer in enumerate(answers, 1)
    ]
    return {"Parts": parts}


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA256", "COMPOSITE"),
        (None, None),
    ],
)
def test_parts_become_an_object(
    s3: S3Client, bucket: str, algorithm: str | None, kind: str | None
) -> None:
    data = [os.urandom(PART), os.urandom(PART + 1), b"end"]
    said = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {}
    upload = start(s3, bucket, Metadata={"a": "b"}, ContentType="text/x", Tagging="t=u", **said)
    more = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    answers = [
        s3.upload_part(**upload, PartNumber=number, Body=part, **more)
        for number, part in enumerate(data, 1)
    ]
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts_of(answers))
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in data)
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-3"'
    assert done["ETag"] == etag
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "text/x")
    assert head["ContentLength"] == 2 * PART + 4
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(data)
    second = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (3, data[1])
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "t", "Value": "u"}]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    if algorithm is None:
        return
    name: Any = f"Checksum{algorithm}"
    assert done[name] == head[name]
    assert head["ChecksumType"] == kind
    if kind == "COMPOSITE":
        assert head[name].endswith("-3")
    elif algorithm == "CRC32":
        whole = zlib.crc32(b"".join(data)).to_bytes(4, "big")
        assert head[name] == base64.b64encode(whole).decode()
    else:
        single = s3.put_object(
            Bucket=bucket, Key="s", Body=b"".join(data), ChecksumAlgorithm=algorithm
        )
        assert head[name] == single[name]


def test_what_is_wrong_with_parts(s3: S3Client, bucket: str, fails: Fails) -> None:
    upload = start(s3, bucket)
    for number in (0, 10_001):
        wrong = fails(s3.upload_part, **upload, PartNumber=number, Body=b"x")
        assert wrong == ("InvalidArgument", 400)
    small = [s3.upload_part(**upload, PartNumber=number, Body=b"small") for number in (1, 2)]

    def complete(parts: list[Any]) -> tuple[str, int]:
        return fails(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts})

    good = parts_of(small)["Parts"]
    assert complete(good) == ("EntityTooSmall", 400)
    assert complete(good[::-1]) == ("InvalidPartOrder", 400)
    assert complete([good[0], good[0]]) == ("InvalidPartOrder", 400)
    assert complete([{**good[0], "ETag": '"no"'}]) == ("InvalidPart", 400)
    assert complete([{**good[0], "PartNumber": 7}]) == ("InvalidPart", 400)
    assert complete([]) == ("MalformedXML", 400)
    assert fails(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    one = {"Parts": good[:1]}
    wrong = fails(s3.complete_multipart_upload, **upload, MultipartUpload=one, MpuObjectSize=99)
    assert wrong == ("InvalidRequest", 400)
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    refused = fails(s3.complete_multipart_upload, **upload, MultipartUpload=one, IfNoneMatch="*")
    assert refused == ("PreconditionFailed", 412)
    s3.complete_multipart_upload(**upload, MultipartUpload=one)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"small"


def test_completing_twice_is_completing_once(s3: S3Client, bucket: str, fails: Fails) -> None:
    upload = start(s3, bucket)
    parts = parts_of([s3.upload_part(**upload, PartNumber=1, Body=b"x")])
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert first["ETag"] == again["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"another")
    late = fails(s3.complete_multipart_upload, **upload, MultipartUpload=parts)
    assert late == ("NoSuchUpload", 404)


def test_aborting(s3: S3Client, shared_front: Front, bucket: str, fails: Fails) -> None:
    upload = start(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**upload)
    assert fails(s3.upload_part, **upload, PartNumber=2, Body=b"x") == ("NoSuchUpload", 404)
    assert fails(s3.list_parts, **upload) == ("NoSuchUpload", 404)
    assert fails(s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)
    assert list((shared_front.data / "incoming").iterdir()) == []


def test_a_part_sent_again_replaces_the_first(s3: S3Client, bucket: str) -> None:
    upload = start(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=b"first")
    parts = parts_of([s3.upload_part(**upload, PartNumber=1, Body=b"second")])
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_an_abort_that_races_with_completion(s3: S3Client, bucket: str) -> None:
    from botocore.exceptions import ClientError

    for _ in range(10):
        upload = start(s3, bucket)
        parts = parts_of([s3.upload_part(**upload, PartNumber=1, Body=b"x" * 100_000)])

        def attempt(function: Callable[..., Any], **arguments: Any) -> str:
            try:
                function(**arguments)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "fine"

        with ThreadPoolExecutor(2) as pool:
            completed = pool.submit(
                attempt, s3.complete_multipart_upload, **upload, MultipartUpload=parts
            )
            aborted = pool.submit(attempt, s3.abort_multipart_upload, **upload)
        assert {completed.result(), aborted.result()} == {"fine", "NoSuchUpload"}
        present = "Contents" in s3.list_objects_v2(Bucket=bucket)
        assert present == (completed.result() == "fine")
        s3.delete_object(Bucket=bucket, Key="k")


def test_parts_copied_from_an_object(s3: S3Client, bucket: str, fails: Fails) -> None:
    data = os.urandom(PART + 1000)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    source = {"Bucket": bucket, "Key": "source"}
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32")
    ranges = [f"bytes=0-{PART - 1}", f"bytes={PART}-{PART + 999}"]
    answers = [
        s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=range_)[
            "CopyPartResult"
        ]
        for number, range_ in enumerate(ranges, 1)
    ]
    for range_ in ("bytes=5-", f"bytes=0-{len(data)}", "bytes=9-2"):
        wrong = fails(
            s3.upload_part_copy,
            **upload,
            PartNumber=3,
            CopySource=source,
            CopySourceRange=range_,
        )
        assert wrong == ("InvalidArgument", 400)
    s3.complete_multipart_upload(**upload, MultipartUpload=parts_of(answers))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.copy(source, bucket, "managed")  # type: ignore[arg-type]
    assert s3.get_object(Bucket=bucket, Key="managed")["Body"].read() == data


def test_listing_parts(s3: S3Client, bucket: str) -> None:
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32")
    for number in (3, 1, 7):
        s3.upload_part(**upload, PartNumber=number, Body=b"x" * number)
    page = s3.list_parts(**upload, MaxParts=2)
    assert [(part["PartNumber"], part["Size"]) for part in page["Parts"]] == [(1, 1), (3, 3)]
    assert page["IsTruncated"]
    assert page["ChecksumAlgorithm"] == "CRC32"
    assert "ChecksumCRC32" in page["Parts"][0]
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 1})
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [1, 3, 7]


def test_listing_uploads(s3: S3Client, bucket: str) -> None:
    for key in ("a/1", "a/2", "b", "b", "c d"):
        start(s3, bucket, key)
    for size in (1, 2, 1000):
        pages = list(
            s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=bucket, PaginationConfig={"PageSize": size}
            )
        )
        found = [upload["Key"] for page in pages for upload in page["Uploads"]]
        assert found == ["a/1", "a/2", "b", "b", "c d"]
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert folded["CommonPrefixes"] == [{"Prefix": "a/"}]
    assert [upload["Key"] for upload in folded["Uploads"]] == ["b", "b", "c d"]
    assert len(s3.list_multipart_uploads(Bucket=bucket, Prefix="b")["Uploads"]) == 2


def test_a_checksum_of_a_part_that_is_wrong(s3: S3Client, bucket: str, fails: Fails) -> None:
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32")
    where: dict[str, Any] = {**upload, "PartNumber": 1, "Body": b"x"}
    assert fails(s3.upload_part, **where, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    mixed = fails(s3.upload_part, **where, ChecksumAlgorithm="SHA1")
    assert mixed == ("InvalidRequest", 400)
    assert "Parts" not in s3.list_parts(**upload)
    impossible = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}
    refused = fails(s3.create_multipart_upload, Bucket=bucket, Key="k", **impossible)
    assert refused == ("InvalidRequest", 400)
