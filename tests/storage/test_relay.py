"""An S3 that is somewhere else, behind the studio's keys."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.elsewhere import Elsewhere

from .conftest import ACCOUNT, BUCKET, Front
from .test_s3_requests import code, crc, signed

Fails = Callable[..., tuple[str, int]]
MIB = 1 << 20


@pytest.fixture(scope="module")
def relay(other_s3: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("relay"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in other_s3.environment.items():
            patch.setenv(name, value)
        front.start("--upstream", other_s3.url)
    yield front
    assert front.stop() == 0
    assert "Traceback" not in (front.root / "front.log").read_text()


@pytest.fixture
def s3(relay: Front) -> Iterator[Any]:
    client = relay.client()
    yield client
    client.close()
    assert list((relay.data / "incoming").iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 20_000_000])
def test_what_goes_in_comes_out(s3: Any, other_s3: Elsewhere, size: int) -> None:
    data = os.urandom(size)
    put = s3.put_object(Bucket=BUCKET, Key="put", Body=data, Metadata={"a": "b"})
    assert put["ETag"] == f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    got = s3.get_object(Bucket=BUCKET, Key="put")
    assert (got["ContentLength"], got["Metadata"]) == (size, {"a": "b"})
    assert got["Body"].read() == data
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "uploaded")
    target = io.BytesIO()
    s3.download_fileobj(BUCKET, "uploaded", target)
    assert target.getvalue() == data
    direct = other_s3.client()
    assert direct.get_object(Bucket=BUCKET, Key="uploaded")["Body"].read() == data
    direct.close()


@pytest.mark.parametrize("key", ["a b+c", "snow ☃ \U0001f600", "%2e%2e", "x&y=z?q#f", "'\"<>"])
def test_keys(s3: Any, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"keys/{key}", Body=key.encode())
    assert s3.get_object(Bucket=BUCKET, Key=f"keys/{key}")["Body"].read() == key.encode()
    assert [
        item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="keys/")["Contents"]
    ] == [f"keys/{key}"]
    s3.copy_object(
        Bucket=BUCKET, Key="keys/copy", CopySource={"Bucket": BUCKET, "Key": f"keys/{key}"}
    )
    wishes = [{"Key": f"keys/{key}"}, {"Key": "keys/copy"}]
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": wishes})["Deleted"]
    assert {item["Key"] for item in deleted} == {item["Key"] for item in wishes}


def test_a_body_in_chunks_with_a_trailer(s3: Any, relay: Front) -> None:
    data = os.urandom(300_000)
    said = {
        "X-Amz-Decoded-Content-Length": str(len(data)),
        "Content-Encoding": "aws-chunked,gzip",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
    }
    path = f"/{BUCKET}/chunked"
    headers = signed(relay, "PUT", path, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", said)

    def body(checksum: str) -> bytes:
        return b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (
            len(data),
            data,
            checksum.encode(),
        )

    wrong = requests.put(relay.url + path, data=body(crc(b"other")), headers=headers, timeout=10)
    assert code(wrong) == ("BadDigest", 400)
    right = requests.put(relay.url + path, data=body(crc(data)), headers=headers, timeout=10)
    assert right.status_code == 200
    got = s3.get_object(Bucket=BUCKET, Key="chunked", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ContentEncoding"]) == (data, "gzip")
    assert got.get("ChecksumCRC32") in (None, crc(data))


def test_ranges_and_conditions(s3: Any, fails: Fails) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="r", Body=b"0123456789")["ETag"]
    part = s3.get_object(Bucket=BUCKET, Key="r", Range="bytes=2-4")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert fails(s3.get_object, Bucket=BUCKET, Key="r", IfNoneMatch=etag) == ("304", 304)
    assert fails(s3.get_object, Bucket=BUCKET, Key="none") == ("NoSuchKey", 404)
    assert fails(s3.head_object, Bucket=BUCKET, Key="none") == ("404", 404)
    assert s3.head_object(Bucket=BUCKET, Key="r")["ContentLength"] == 10


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls(relay: Front, version: str) -> None:
    client = relay.client(Config(signature_version=version))
    where = {"Bucket": BUCKET, "Key": "presigned ☃"}
    url = client.generate_presigned_url("put_object", Params=where)
    assert url.startswith(relay.url)
    assert requests.put(url, data=b"by url", timeout=10).status_code == 200
    url = client.generate_presigned_url("get_object", Params=where)
    assert requests.get(url, timeout=10).content == b"by url"
    assert requests.get(url.replace("presigned", "other"), timeout=10).status_code == 403
    client.close()


def test_only_our_keys_open_it(relay: Front, other_s3: Elsewhere, fails: Fails) -> None:
    theirs = relay.client(
        aws_access_key_id=other_s3.access_key, aws_secret_access_key=other_s3.secret_key
    )
    assert fails(theirs.list_buckets) == ("InvalidAccessKeyId", 403)
    assert code(requests.get(relay.url, timeout=10)) == ("AccessDenied", 403)
    theirs.close()


def test_whose_buckets_they_are(s3: Any, fails: Fails) -> None:
    s3.put_object(Bucket=BUCKET, Key="mine", Body=b"x", ExpectedBucketOwner=ACCOUNT)
    stranger = {"Bucket": BUCKET, "Key": "mine", "ExpectedBucketOwner": "111111111111"}
    assert fails(s3.get_object, **stranger) == ("AccessDenied", 403)


def test_a_body_that_is_not_what_was_said(s3: Any, relay: Front, fails: Fails) -> None:
    where = {"Bucket": BUCKET, "Key": "wrong", "Body": b"x" * 5000}
    assert fails(s3.put_object, **where, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    headers = signed(relay, "PUT", f"/{BUCKET}/wrong", hashlib.sha256(b"a").hexdigest())
    answer = requests.put(f"{relay.url}/{BUCKET}/wrong", data=b"b", headers=headers, timeout=10)
    assert code(answer) == ("XAmzContentSHA256Mismatch", 400)
    assert fails(s3.head_object, Bucket=BUCKET, Key="wrong") == ("404", 404)


def test_the_default_bucket_is_made(other_s3: Elsewhere) -> None:
    direct = other_s3.client()
    assert BUCKET in [bucket["Name"] for bucket in direct.list_buckets()["Buckets"]]
    direct.close()


def test_nobody_answers_there(tmp_path: Path, fails: Fails, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        front = Front(tmp_path).start("--upstream", url)
        client = front.client(Config(retries={"total_max_attempts": 1}))
        assert fails(client.list_buckets) == ("ServiceUnavailable", 503)
        client.close()
        assert front.stop() == 0
    log = (tmp_path / "front.log").read_text()
    assert f"Bucket {BUCKET} cannot be made yet: ServiceUnavailable: {url} does not answer" in log
    assert "Traceback" not in log


def test_keys_of_a_profile_and_without_any(
    other_s3: Elsewhere, tmp_path: Path, monkeypatch: Any
) -> None:
    refused = subprocess.run(
        [*Front(tmp_path).arguments(), "--upstream", other_s3.url],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert refused.returncode == 1
    assert "There are no keys for" in refused.stderr
    assert "--s3-profile" in refused.stderr
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[there]\naws_access_key_id = {other_s3.access_key}\n"
        f"aws_secret_access_key = {other_s3.secret_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    front = Front(tmp_path).start("--upstream", other_s3.url, "--upstream-profile", "there")
    client = front.client()
    assert client.list_buckets()["Buckets"]
    client.close()
    assert front.stop() == 0
    unknown = subprocess.run(
        [*Front(tmp_path).arguments(), "--upstream", "http://x", "--upstream-profile", "nobody"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "nobody" in unknown.stderr
    assert unknown.returncode == 1


def test_the_other_store_goes_away_and_comes_back(
    tmp_path: Path, fails: Fails, monkeypatch: Any
) -> None:
    there = Front(tmp_path / "there").start()
    keys = there.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    here = Front(tmp_path / "here").start("--upstream", there.url)
    client = here.client(Config(retries={"total_max_attempts": 1}))
    data = os.urandom(64 * MIB)
    where = {"Bucket": BUCKET, "Key": "k"}
    client.put_object(**where, Body=data)
    # In the middle of an answer: what came is not taken for the whole.
    body = client.get_object(**where)["Body"]
    assert body.read(MIB) == data[:MIB]
    there.kill()
    with pytest.raises((BotoCoreError, OSError)):
        while body.read(MIB):
            pass
    assert fails(client.get_object, **where) == ("ServiceUnavailable", 503)
    assert fails(client.put_object, **where, Body=b"lost") == ("ServiceUnavailable", 503)
    there.start()
    assert client.get_object(**where)["Body"].read() == data
    client.close()
    assert (here.stop(), there.stop()) == (0, 0)
    assert list((here.data / "incoming").iterdir()) == []
    assert "Traceback" not in (here.root / "front.log").read_text()
