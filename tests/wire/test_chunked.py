"""aws-chunked bodies, signed here by the book and split anywhere."""

from __future__ import annotations

import hashlib
import hmac
import io
import random
from datetime import UTC, datetime, timedelta

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Sha256Checksum

from jupyter_mlstudio.wire.chunked import (
    SIGNED,
    SIGNED_TRAILER,
    UNSIGNED_TRAILER,
    ChunkedDecoder,
)
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Caller
from jupyter_mlstudio.wire.sigv4 import Signed

KEY = b"k" * 32
STAMP = "20261122T000000Z"
SCOPE = "20261122/us-east-1/s3/aws4_request"
SEED = "a" * 64
EMPTY = hashlib.sha256().hexdigest()
TRAILER = ("x-amz-checksum-sha256", "abc=")


def signed(payload: str) -> Signed:
    caller = Caller("1" * 12, "us-east-1", "AKIA", "arn")
    return Signed(caller, {}, "s3", payload, SEED, STAMP, SCOPE, KEY)


def sign(kind: str, previous: str, digests: str) -> str:
    text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", STAMP, SCOPE, previous, digests))
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def body_of(payload: str, chunks: list[bytes], trailer: tuple[str, str] | None = None) -> bytes:
    out, previous = b"", SEED
    for chunk in [*chunks, b""]:
        head = f"{len(chunk):x}"
        if payload != UNSIGNED_TRAILER:
            digests = f"{EMPTY}\n{hashlib.sha256(chunk).hexdigest()}"
            previous = sign("PAYLOAD", previous, digests)
            head += f";chunk-signature={previous}"
        out += head.encode() + b"\r\n"
        out += chunk + b"\r\n" if chunk else b""
    if trailer:
        out += f"{trailer[0]}:{trailer[1]}\r\n".encode()
        if payload == SIGNED_TRAILER:
            digest = hashlib.sha256(f"{trailer[0]}:{trailer[1]}\n".encode()).hexdigest()
            out += f"x-amz-trailer-signature:{sign('TRAILER', previous, digest)}\r\n".encode()
    return out + b"\r\n"


def decode(payload: str, raw: bytes, length: int, steps: random.Random | None = None) -> bytes:
    decoder = ChunkedDecoder(signed(payload), length)
    out, position = b"", 0
    while position < len(raw):
        step = steps.randrange(1, 40) if steps else len(raw)
        out += b"".join(decoder.feed(raw[position : position + step]))
        position += step
    decoder.finish()
    return out


CHUNKS = [b"hello\r\n" * 20, b"x", bytes(range(256)) * 3]
CONTENT = b"".join(CHUNKS)
KINDS = [(SIGNED, None), (SIGNED_TRAILER, TRAILER), (UNSIGNED_TRAILER, TRAILER)]


@pytest.mark.parametrize(("payload", "trailer"), KINDS)
def test_any_split(payload: str, trailer: tuple[str, str] | None) -> None:
    raw = body_of(payload, CHUNKS, trailer)
    assert decode(payload, raw, len(CONTENT)) == CONTENT
    for seed in range(20):
        assert decode(payload, raw, len(CONTENT), random.Random(seed)) == CONTENT


@pytest.mark.parametrize(("payload", "trailer"), KINDS)
def test_empty_body_and_trailers(payload: str, trailer: tuple[str, str] | None) -> None:
    decoder = ChunkedDecoder(signed(payload), 0)
    assert decoder.feed(body_of(payload, [], trailer)) == []
    assert decoder.finish() == (dict([trailer]) if trailer else {})


@pytest.mark.parametrize(("payload", "trailer"), KINDS[:2])
def test_no_signed_byte_may_change(payload: str, trailer: tuple[str, str] | None) -> None:
    raw = body_of(payload, CHUNKS, trailer)
    rng = random.Random(1)
    for position in rng.sample(range(len(raw)), 300):
        changed = bytearray(raw)
        changed[position] ^= 1 << rng.randrange(8)
        try:
            found = decode(payload, bytes(changed), len(CONTENT))
        except AWSError as error:
            assert error.status in (None, 400, 403)
        else:
            # Only small letters for capitals, in a number or a name, mean the same.
            assert found == CONTENT
            assert bytes(changed).lower() == raw.lower()


@pytest.mark.parametrize(("payload", "trailer"), KINDS)
def test_cut_anywhere(payload: str, trailer: tuple[str, str] | None) -> None:
    raw = body_of(payload, CHUNKS, trailer)
    for end in [*range(0, len(raw) - 1, 37), len(raw) - 1]:
        with pytest.raises(AWSError, match="IncompleteBody"):
            decode(payload, raw[:end], len(CONTENT))


@pytest.mark.parametrize("length", [0, len(CONTENT) - 1, len(CONTENT) + 1])
def test_wrong_length(length: int) -> None:
    with pytest.raises(AWSError, match="IncompleteBody"):
        decode(UNSIGNED_TRAILER, body_of(UNSIGNED_TRAILER, CHUNKS), length)


@pytest.mark.parametrize(
    "raw",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"5;chunk-signature=" + b"a" * 64 + b"\r\n",
        b"f" * 16 + b"\r\n",
        b"1" * 5000,
        b"1\r\naXX\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\na:1\r\na:2\r\n\r\n",
        b"0\r\n\r\nmore\r\n",
    ],
)
def test_malformed(raw: bytes) -> None:
    with pytest.raises(AWSError) as error:
        decode(UNSIGNED_TRAILER, raw, 10)
    assert error.value.status in (None, 400)


def test_unknown_kind() -> None:
    with pytest.raises(AWSError, match="NotImplemented"):
        ChunkedDecoder(signed("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), 1)


def test_body_as_botocore_writes_it() -> None:
    checksum = Sha256Checksum()
    wrapped = AwsChunkedWrapper(
        io.BytesIO(CONTENT), lambda: checksum, "x-amz-checksum-sha256", chunk_size=100
    )
    decoder = ChunkedDecoder(signed(UNSIGNED_TRAILER), len(CONTENT))
    found = b"".join(decoder.feed(wrapped.read()))
    assert found == CONTENT
    assert decoder.finish() == {"x-amz-checksum-sha256": checksum.b64digest()}


def test_time_is_used() -> None:
    """Guards the fixtures: a signature over another time must not pass."""
    other = signed(SIGNED)
    later = (datetime(2026, 11, 22, tzinfo=UTC) + timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")
    changed = Signed(other.caller, {}, "s3", SIGNED, SEED, later, SCOPE, KEY)
    with pytest.raises(AWSError, match="SignatureDoesNotMatch"):
        ChunkedDecoder(changed, len(CONTENT)).feed(body_of(SIGNED, CHUNKS))
