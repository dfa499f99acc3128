"""Configurations of buckets, kept as they were put."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from jupyter_mlstudio.storage import recovery

from .conftest import Front
from .test_s3_requests import code, signed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*",
        }
    ],
}
# Operation, member, value, members of the answer, code when there is none.
KINDS: dict[str, tuple[str, Any, dict[str, Any], str]] = {
    "bucket_tagging": (
        "Tagging",
        {"TagSet": [{"Key": "team", "Value": "ä ☃"}, {"Key": "x", "Value": ""}]},
        {"TagSet": [{"Key": "team", "Value": "ä ☃"}, {"Key": "x", "Value": ""}]},
        "NoSuchTagSet",
    ),
    "bucket_policy": (
        "Policy",
        json.dumps(POLICY),
        {"Policy": json.dumps(POLICY)},
        "NoSuchBucketPolicy",
    ),
    "bucket_cors": (
        "CORSConfiguration",
        {
            "CORSRules": [
                {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.x"], "MaxAgeSeconds": 5}
            ]
        },
        {
            "CORSRules": [
                {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.x"], "MaxAgeSeconds": 5}
            ]
        },
        "NoSuchCORSConfiguration",
    ),
    "bucket_encryption": (
        "ServerSideEncryptionConfiguration",
        {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                    "BucketKeyEnabled": False,
                }
            ]
        },
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                        "BucketKeyEnabled": False,
                    }
                ]
            }
        },
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    "public_access_block": (
        "PublicAccessBlockConfiguration",
        {"BlockPublicAcls": True},
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": False,
                "BlockPublicPolicy": False,
                "RestrictPublicBuckets": False,
            }
        },
        "NoSuchPublicAccessBlockConfiguration",
    ),
    "bucket_ownership_controls": (
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        "OwnershipControlsNotFoundError",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_put_get_delete(s3: S3Client, bucket: str, fails: Fails, name: str) -> None:
    member, value, expected, missing = KINDS[name]
    put, get, delete = (getattr(s3, f"{verb}_{name}") for verb in ("put", "get", "delete"))
    assert fails(get, Bucket=bucket) == (missing, 404)
    put(Bucket=bucket, **{member: value})
    answer = get(Bucket=bucket)
    assert {key: answer[key] for key in answer if key != "ResponseMetadata"} == expected
    assert delete(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    delete(Bucket=bucket)
    assert fails(get, Bucket=bucket) == (missing, 404)
    for call, more in ((put, {member: value}), (get, {}), (delete, {})):
        assert fails(call, Bucket="no-such", **more) == ("NoSuchBucket", 404)
        stranger = fails(call, Bucket=bucket, ExpectedBucketOwner="111111111111", **more)
        assert stranger == ("AccessDenied", 403)


REFUSED: list[tuple[str, str, Any, str]] = [
    ("bucket_policy", "Policy", "[" * 20_000, "MalformedPolicy"),
    ("bucket_tagging", "Tagging", {"TagSet": [{"Key": "a", "Value": ""}] * 2}, "InvalidTag"),
    ("bucket_tagging", "Tagging", {"TagSet": [{"Key": "aws:a", "Value": ""}]}, "InvalidTag"),
    (
        "bucket_tagging",
        "Tagging",
        {"TagSet": [{"Key": str(number), "Value": ""} for number in range(51)]},
        "BadRequest",
    ),
    ("bucket_policy", "Policy", "nonsense", "MalformedPolicy"),
    ("bucket_policy", "Policy", "[]", "MalformedPolicy"),
    ("bucket_policy", "Policy", '{"Statement": [{"Effect": "Maybe"}]}', "MalformedPolicy"),
    ("bucket_policy", "Policy", '{"Statement": [{"Effect": "Deny"}]}', "MalformedPolicy"),
    ("bucket_policy", "Policy", json.dumps({**POLICY, "Id": "x" * 20480}), "MalformedPolicy"),
    (
        "bucket_cors",
        "CORSConfiguration",
        {"CORSRules": [{"AllowedMethods": ["BREW"], "AllowedOrigins": ["*"]}]},
        "InvalidRequest",
    ),
    (
        "bucket_cors",
        "CORSConfiguration",
        {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*.*"]}]},
        "InvalidRequest",
    ),
    (
        "bucket_encryption",
        "ServerSideEncryptionConfiguration",
        {
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "AES256",
                        "KMSMasterKeyID": "k",
                    }
                }
            ]
        },
        "InvalidArgument",
    ),
    (
        "bucket_ownership_controls",
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "Nobody"}]},
        "InvalidArgument",
    ),
]


@pytest.mark.parametrize(("name", "member", "value", "expected"), REFUSED)
def test_what_s3_refuses_changes_nothing(
    s3: S3Client, bucket: str, fails: Fails, name: str, member: str, value: Any, expected: str
) -> None:
    assert fails(getattr(s3, f"put_{name}"), Bucket=bucket, **{member: value}) == (expected, 400)
    assert fails(getattr(s3, f"get_{name}"), Bucket=bucket)[1] == 404


def test_a_document_comes_with_its_checksum(shared_front: Front, bucket: str) -> None:
    path = f"/{bucket}?policy"
    headers = signed(shared_front, "PUT", path, "UNSIGNED-PAYLOAD")
    answer = requests.put(
        shared_front.url + path, data=json.dumps(POLICY), headers=headers, timeout=10
    )
    assert code(answer) == ("InvalidRequest", 400)


def test_configurations_survive_a_crash_and_go_with_the_bucket(front: Front, fails: Fails) -> None:
    client = front.client()
    for bucket in ("one", "two"):
        bucket = f"bucket-{bucket}"
        client.create_bucket(Bucket=bucket)
        for name, (member, value, _, _) in KINDS.items():
            getattr(client, f"put_{name}")(Bucket=bucket, **{member: value})
    client.delete_bucket(Bucket="bucket-two")
    client.create_bucket(Bucket="bucket-two")
    front.kill()
    recovery.rebuild(front.data)
    front.start()
    for name, (_, _, expected, missing) in KINDS.items():
        answer = getattr(client, f"get_{name}")(Bucket="bucket-one")
        assert expected.items() <= answer.items()
        assert fails(getattr(client, f"get_{name}"), Bucket="bucket-two")[0] == missing
    client.close()


def test_tags_of_what_is_copied_or_comes_in_parts(s3: S3Client, bucket: str, fails: Fails) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b&c=d%20e")

    def tags(key: str) -> dict[str, str]:
        found = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    source = {"Bucket": bucket, "Key": "k"}
    copy: Callable[..., Any] = s3.copy_object
    copy(Bucket=bucket, Key="kept", CopySource=source, Tagging="x=y")
    assert tags("kept") == {"a": "b", "c": "d e"}
    copy(Bucket=bucket, Key="new", CopySource=source, Tagging="x=y", TaggingDirective="REPLACE")
    assert tags("new") == {"x": "y"}
    assert s3.head_object(Bucket=bucket, Key="kept")["TagCount"] == 2
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", Tagging="of=parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="m",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert tags("m") == {"of": "parts"}
    wrong = fails(s3.create_multipart_upload, Bucket=bucket, Key="m", Tagging="a=1&a=2")
    assert wrong == ("InvalidTag", 400)
