"""Signatures, presigned URLs and requests that no good client sends."""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from jupyter_mlstudio.wire.keys import KeyRing

from .conftest import ACCOUNT, BUCKET, REGION, Front

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Fails = Callable[..., tuple[str, int]]
EMPTY = hashlib.sha256().hexdigest()


def signed(
    front: Front, method: str, path: str, payload: str, headers: dict[str, str] | None = None
) -> dict[str, str]:
    """Return the headers of a request signed for a body of which ``payload`` is said."""
    keys = front.credentials()
    request = AWSRequest(method, front.url + path, headers or {})
    request.headers["X-Amz-Content-SHA256"] = payload
    request.context["payload_signing_enabled"] = False

    class Auth(S3SigV4Auth):
        def payload(self, request: AWSRequest) -> str:
            return payload

    Auth(Credentials(keys.access_key, keys.secret_key), "s3", REGION).add_auth(request)
    return dict(request.headers.items())


def code(answer: requests.Response) -> tuple[str, int]:
    text = answer.text
    found = text[text.find("<Code>") + 6 : text.find("</Code>")] if "<Code>" in text else ""
    return found, answer.status_code


# Who asks --------------------------------------------------------------------------------------


def test_keys_that_are_not_ours(shared_front: Front, fails: Fails) -> None:
    wrong = shared_front.client(aws_secret_access_key="wrong")
    assert fails(wrong.list_buckets) == ("SignatureDoesNotMatch", 403)
    assert fails(wrong.head_bucket, Bucket=BUCKET) == ("403", 403)
    unknown = shared_front.client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    assert fails(unknown.list_buckets) == ("InvalidAccessKeyId", 403)
    ring = KeyRing.load(shared_front.root / "master.key")
    stranger = ring.user_key("999999999999", "arn:aws:iam::999999999999:user/mlstudio")
    other = shared_front.client(
        aws_access_key_id=stranger.access_key, aws_secret_access_key=stranger.secret_key
    )
    assert fails(other.list_buckets) == ("AccessDenied", 403)
    assert code(requests.get(shared_front.url, timeout=10)) == ("AccessDenied", 403)


def test_temporary_keys(shared_front: Front, fails: Fails) -> None:
    ring = KeyRing.load(shared_front.root / "master.key")
    role = f"arn:aws:iam::{ACCOUNT}:role/x"
    for seconds, expected in ((60, None), (-1, "ExpiredToken")):
        keys = ring.issue(ACCOUNT, role, seconds)
        client = shared_front.client(
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
        )
        if expected is None:
            assert client.list_buckets()["Buckets"]
        else:
            assert fails(client.list_buckets)[0] == expected


def test_a_clock_that_is_wrong(shared_front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth

    now = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=16)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)
    headers = signed(shared_front, "GET", "/", EMPTY)
    answer = requests.get(shared_front.url + "/", headers=headers, timeout=10)
    assert code(answer) == ("RequestTimeTooSkewed", 403)


def test_a_browser_is_refused(s3: S3Client) -> None:
    url = s3.generate_presigned_url("list_buckets")
    for header in ("Origin", "Cookie", "Sec-Fetch-Mode"):
        answer = requests.get(url, headers={header: "x"}, timeout=10)
        assert code(answer) == ("AccessDenied", 403)


# Presigned URLs --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls(shared_front: Front, bucket: str, version: str) -> None:
    s3 = shared_front.client(Config(signature_version=version))
    where = {"Bucket": bucket, "Key": "a ☃/b"}
    put = s3.generate_presigned_url("put_object", where)
    assert requests.put(put, b"bytes", timeout=10).status_code == 200
    override = {**where, "ResponseContentType": "text/x"}
    get = requests.get(s3.generate_presigned_url("get_object", override), timeout=10)
    assert (get.content, get.headers["Content-Type"]) == (b"bytes", "text/x")
    part = requests.get(
        s3.generate_presigned_url("get_object", where), headers={"Range": "bytes=1-2"}, timeout=10
    )
    assert (part.status_code, part.content) == (206, b"yt")
    url = s3.generate_presigned_url("get_object", where)
    changed = url.replace("a%20", "b%20")
    assert code(requests.get(changed, timeout=10)) == ("SignatureDoesNotMatch", 403)
    assert code(requests.delete(url, timeout=10)) == ("SignatureDoesNotMatch", 403)
    short = s3.generate_presigned_url("get_object", where, ExpiresIn=1)
    time.sleep(2.1)
    assert code(requests.get(short, timeout=10)) == ("AccessDenied", 403)
    s3.close()


def test_a_presigned_url_for_too_long(shared_front: Front) -> None:
    s3 = shared_front.client(Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("list_buckets", ExpiresIn=8 * 24 * 3600)
    assert requests.get(url, timeout=10).status_code == 400
    s3.close()


# Bodies ----------------------------------------------------------------------------------------


def test_a_body_that_was_not_signed(shared_front: Front) -> None:
    path = f"/{BUCKET}/signed"
    headers = signed(shared_front, "PUT", path, hashlib.sha256(b"this").hexdigest())
    answer = requests.put(shared_front.url + path, b"that", headers=headers, timeout=10)
    assert code(answer) == ("XAmzContentSHA256Mismatch", 400)
    answer = requests.put(shared_front.url + path, b"this", headers=headers, timeout=10)
    assert code(answer) == ("", 200)


def test_a_body_of_unknown_length(shared_front: Front) -> None:
    path = f"/{BUCKET}/endless"
    headers = signed(shared_front, "PUT", path, "UNSIGNED-PAYLOAD")
    answer = requests.put(shared_front.url + path, iter([b"x"]), headers=headers, timeout=10)
    assert code(answer) == ("MissingContentLength", 411)


def test_a_body_that_stops_early(shared_front: Front, s3: S3Client, fails: Fails) -> None:
    path = f"/{BUCKET}/cut"
    size = 3 << 20
    headers = signed(shared_front, "PUT", path, "UNSIGNED-PAYLOAD")
    lines = [f"PUT {path} HTTP/1.1", f"Host: 127.0.0.1:{shared_front.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {size}", "", ""]
    with socket.create_connection(("127.0.0.1", shared_front.port)) as connection:
        connection.sendall("\r\n".join(lines).encode() + bytes(size // 2))
    deadline = time.monotonic() + 10
    while list((shared_front.data / "incoming").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert fails(s3.head_object, Bucket=BUCKET, Key="cut") == ("404", 404)


def test_a_reader_that_leaves_does_no_harm(shared_front: Front, s3: S3Client) -> None:
    data = bytes(32 << 20)
    s3.put_object(Bucket=BUCKET, Key="large", Body=data)
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "large"}))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", shared_front.port)) as connection:
            target = f"{url.path}?{url.query}"
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == data


def test_documents_that_cannot_be_read(shared_front: Front) -> None:
    path = f"/{BUCKET}?delete="
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    for document, expected in (
        (b"<Delete><Object>", "MalformedXML"),
        (b"nonsense", "MalformedXML"),
        (bomb, "MalformedXML"),
        (b"<Delete>" + b" " * (9 << 20) + b"</Delete>", "MaxMessageLengthExceeded"),
    ):
        digest = hashlib.sha256(document).hexdigest()
        crc = zlib.crc32(document).to_bytes(4, "big")
        import base64

        more = {"x-amz-checksum-crc32": base64.b64encode(crc).decode()}
        headers = signed(shared_front, "POST", path, digest, more)
        answer = requests.post(shared_front.url + path, document, headers=headers, timeout=20)
        assert code(answer) == (expected, 400)
    headers = signed(shared_front, "POST", path, EMPTY)
    answer = requests.post(shared_front.url + path, headers=headers, timeout=10)
    assert code(answer) == ("InvalidRequest", 400)


def test_methods_and_paths_s3_does_not_have(shared_front: Front) -> None:
    for method, path, expected in (
        ("POST", "/", ("MethodNotAllowed", 405)),
        ("PATCH", f"/{BUCKET}/k", ("MethodNotAllowed", 405)),
        ("GET", f"/{BUCKET}/%FF", ("InvalidArgument", 400)),
        ("PUT", "/..", ("InvalidBucketName", 400)),
    ):
        request = requests.Request(method, shared_front.url + path)
        prepared = request.prepare()
        prepared.url = shared_front.url + path
        prepared.headers.update(signed(shared_front, method, path, EMPTY))
        with requests.Session() as session:
            assert code(session.send(prepared, timeout=10)) == expected


# aws-chunked -----------------------------------------------------------------------------------


class Chunks:
    """Encodes a body as other clients than boto3 do, each chunk signed by the one before."""

    def __init__(self, front: Front, headers: dict[str, str]) -> None:
        authorization = headers["Authorization"]
        self.previous = authorization.rpartition("Signature=")[2]
        scope = authorization.partition("Credential=")[2].partition(",")[0].split("/", 1)[1]
        self.head = f"{headers['X-Amz-Date']}\n{scope}"
        key = b"AWS4" + front.credentials().secret_key.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self.key = key

    def sign(self, kind: str, *parts: str) -> str:
        text = "\n".join((kind, self.head, self.previous, *parts))
        self.previous = hmac.digest(self.key, text.encode(), "sha256").hex()
        return self.previous

    def chunk(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).hexdigest()
        signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY, digest)
        tail = data + b"\r\n" if data else b""
        return f"{len(data):x};chunk-signature={signature}\r\n".encode() + tail

    def trailer(self, line: str) -> bytes:
        digest = hashlib.sha256(f"{line}\n".encode()).hexdigest()
        signature = self.sign("AWS4-HMAC-SHA256-TRAILER", digest)
        return f"{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def crc(data: bytes) -> str:
    import base64

    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("damage", [None, "data", "signature", "checksum", "end", "length"])
@pytest.mark.parametrize("kind", ["signed", "signed with trailer", "unsigned with trailer"])
def test_chunked_bodies(
    shared_front: Front, s3: S3Client, kind: str, damage: str | None, fails: Fails
) -> None:
    pieces = [b"a" * 70_000, b"b" * 3_000_000, b"c"]
    data = b"".join(pieces)
    path = f"/{BUCKET}/chunked-{kind.replace(' ', '-')}-{damage}"
    payload = {
        "signed": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "signed with trailer": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "unsigned with trailer": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }[kind]
    length = len(data) + (damage == "length")
    said = {"X-Amz-Decoded-Content-Length": str(length), "Content-Encoding": "aws-chunked,gzip"}
    if kind != "signed":
        said["X-Amz-Trailer"] = "x-amz-checksum-crc32"
    headers = signed(shared_front, "PUT", path, payload, said)
    chunks = Chunks(shared_front, headers)
    trailer = f"x-amz-checksum-crc32:{crc(data if damage != 'checksum' else b'other')}"
    if kind == "unsigned with trailer":
        parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        parts += [b"0\r\n", trailer.encode() + b"\r\n\r\n"]
    else:
        parts = [chunks.chunk(piece) for piece in [*pieces, b""]]
        parts.append(chunks.trailer(trailer) if kind != "signed" else b"\r\n")
    body = b"".join(parts)
    if damage == "data":
        body = body.replace(b"bbbb", b"bbxb", 1)
    elif damage == "signature":
        body = body.replace(chunks.previous.encode(), b"0" * 64)
    elif damage == "end":
        body = body[:-200_000]
    answer = requests.put(shared_front.url + path, body, headers=headers, timeout=20)
    harmless = damage is None or (kind, damage) in {
        ("signed", "checksum"),
        ("unsigned with trailer", "signature"),
    }
    if harmless:
        assert code(answer) == ("", 200)
        got = s3.get_object(Bucket=BUCKET, Key=path.removeprefix(f"/{BUCKET}/"))
        assert got["Body"].read() == data
        assert got["ContentEncoding"] == "gzip"
        return
    expected: Any = {
        "data": "BadDigest" if kind == "unsigned with trailer" else "SignatureDoesNotMatch",
        "signature": "SignatureDoesNotMatch",
        "checksum": "BadDigest",
        "end": "IncompleteBody",
        "length": "IncompleteBody",
    }
    assert code(answer)[0] == expected[damage]
    assert fails(s3.head_object, Bucket=BUCKET, Key=path.removeprefix(f"/{BUCKET}/"))[1] == 404
    assert list((shared_front.data / "incoming").iterdir()) == []
