"""Signatures as botocore makes them, in Python and through the CRT, and whatever is not one."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

import pytest
from botocore.auth import (
    HmacV1QueryAuth,
    S3SigV4Auth,
    S3SigV4QueryAuth,
    SigV4Auth,
    SigV4QueryAuth,
)
from botocore.awsrequest import AWSRequest
from botocore.compat import HAS_CRT
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlstudio.wire.canonical import canonical_path, canonical_query, query_pairs
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.sigv4 import (
    Signed,
    authenticate,
    screen,
    signed_service,
    verify,
)

KEYS = KeyRing(b"m" * 32)
ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/mlstudio"
USER = KEYS.user_key(ACCOUNT, ARN)
SIGNER = Credentials(USER.access_key, USER.secret_key)
# Made when the tests are collected: it has to last as long as any run of all of them.
TEMPORARY = KEYS.issue(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", 86_400, {"job": "j"})
ROLE = Credentials(TEMPORARY.access_key, TEMPORARY.secret_key, TEMPORARY.token)
HOST = "127.0.0.1:8000"
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "SageMaker.ListModels"}

Raw = dict[str, Any]


def raw_of(request: AWSRequest, body: bytes) -> Raw:
    """What arrives of a signed request."""
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in prepared.headers.items()}
    if "host" not in map(str.lower, headers):
        headers["Host"] = HOST
    return {
        "method": request.method,
        "raw_path": parts.path or "/",
        "raw_query": parts.query,
        "headers": headers,
        "body": body,
    }


def signed(
    signer: Callable[[Credentials], Any],
    path: str = "/",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    credentials: Credentials = SIGNER,
) -> Raw:
    request = AWSRequest(method, f"http://{HOST}{path}", headers or {}, body)
    signer(credentials).add_auth(request)
    return raw_of(request, body)


def check(raw: Raw, *, now: datetime | None = None, service: str | None = None) -> Signed:
    return verify(
        KEYS,
        raw["method"],
        raw["raw_path"],
        raw["raw_query"],
        raw["headers"],
        hashlib.sha256(raw["body"]).hexdigest(),
        now or datetime.now(UTC),
        service=service,
    )


def refused(raw: Raw, code: str, status: int = 403, **options: Any) -> None:
    with pytest.raises(AWSError) as error:
        check(raw, **options)
    assert (error.value.code, error.value.status) == (code, status)


def json_auth(credentials: Credentials) -> SigV4Auth:
    return SigV4Auth(credentials, "sagemaker", "eu-west-1")


def s3_auth(credentials: Credentials) -> S3SigV4Auth:
    return S3SigV4Auth(credentials, "s3", "eu-west-1")


def s3_url(credentials: Credentials) -> S3SigV4QueryAuth:
    return S3SigV4QueryAuth(credentials, "s3", "eu-west-1", expires=60)


def sts_url(credentials: Credentials) -> SigV4QueryAuth:
    return SigV4QueryAuth(credentials, "sts", "eu-west-1", expires=60)


PATHS = [
    "/",
    "/b/k",
    "/b/a%20b%2Bc",
    "/b//x/../y",
    "/b/%C3%BC%25",
    "/b/k?acl&versionId=1%2F2",
    "/?b=2&a=1&a=0",
]


@pytest.mark.parametrize("credentials", [SIGNER, ROLE], ids=["user", "role"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signer", [json_auth, s3_auth, s3_url])
def test_accepted(signer: Callable[..., Any], path: str, credentials: Credentials) -> None:
    body = b"" if signer is s3_url else b"body"
    found = check(signed(signer, path, method="PUT", body=body, credentials=credentials))
    expected = ARN if credentials is SIGNER else f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"
    assert (found.caller.account, found.caller.arn, found.caller.region) == (
        ACCOUNT,
        expected,
        "eu-west-1",
    )
    assert found.claims == ({} if credentials is SIGNER else {"job": "j"})


@pytest.mark.skipif(not HAS_CRT, reason="awscrt is not installed")
@pytest.mark.parametrize("path", PATHS)
def test_accepted_from_the_crt(path: str) -> None:
    from botocore.crt import auth

    for service, header, query in (
        ("s3", auth.CrtS3SigV4Auth, auth.CrtS3SigV4QueryAuth),
        ("sagemaker", auth.CrtSigV4Auth, auth.CrtSigV4QueryAuth),
    ):
        named = {"service_name": service, "region_name": "eu-west-1"}
        check(signed(partial(header, **named), path, method="PUT"))
        check(signed(partial(query, **named), path, method="GET", body=b""))


def test_authenticate_is_the_short_form() -> None:
    raw = signed(json_auth, headers=JSON)
    digest = hashlib.sha256(b"{}").hexdigest()
    now = datetime.now(UTC)
    caller = authenticate(KEYS, "POST", "/", "", raw["headers"], digest, now)
    assert (caller.access_key, caller.arn) == (USER.access_key, ARN)


def test_presigned_by_version_2() -> None:
    raw = signed(HmacV1QueryAuth, "/b/k%20x?versionId=a%2Fb&uploads", method="GET", body=b"")
    assert signed_service(raw["raw_query"], {}) == "s3"
    found = check(raw, service="s3")
    assert (found.caller.arn, found.caller.region) == (ARN, "us-east-1")
    for field, value in (
        ("method", "PUT"),
        ("raw_path", "/b/k%20y"),
        ("raw_query", raw["raw_query"].replace("a%2Fb", "a%2Fc")),
        ("raw_query", raw["raw_query"].replace("Expires=", "Expires=9")),
    ):
        refused({**raw, field: value}, "SignatureDoesNotMatch")
    refused({**raw, "headers": {**raw["headers"], "x-amz-acl": "x"}}, "SignatureDoesNotMatch")
    refused(raw, "AccessDenied", now=datetime.now(UTC) + timedelta(hours=2))
    role = signed(HmacV1QueryAuth, "/b/k", method="GET", body=b"", credentials=ROLE)
    assert check(role).claims == {"job": "j"}


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(["json", "s3", "url"]), st.randoms(use_true_random=False))
def test_any_change_is_refused(kind: str, rng: random.Random) -> None:
    """Flip one bit of what is signed, or of the signature."""
    if kind == "json":
        raw = signed(json_auth, "/path?x=1&y=2", headers=JSON, credentials=ROLE)
    elif kind == "s3":
        raw = signed(s3_auth, "/b/key?acl", method="PUT", headers={"x-amz-acl": "private"})
    else:
        raw = signed(s3_url, "/b/key?acl", method="GET", body=b"", credentials=ROLE)
    before = check(raw)
    places = ["method", "raw_path", "raw_query", "headers"] + (["body"] if raw["body"] else [])
    place = rng.choice(places)
    changed = dict(raw)
    if place == "headers":
        names = [name for name in raw["headers"] if name.lower() not in ("content-length",)]
        if kind == "url":
            names = ["Host"]
        name = rng.choice(names)
        changed["headers"] = {**raw["headers"], name: flip(raw["headers"][name], rng)}
    elif place == "body":
        changed["body"] = flip(raw["body"].decode(), rng).encode()
    else:
        changed[place] = flip(raw[place], rng)
    if same(changed, raw):
        assert check(changed) == before
        return
    with pytest.raises(AWSError) as error:
        check(changed)
    assert (error.value.status or 400) < 500


def flip(text: str, rng: random.Random) -> str:
    position = rng.randrange(len(text))
    code = ord(text[position]) ^ (1 << rng.randrange(7))
    return text[:position] + chr(code) + text[position + 1 :]


def same(one: Raw, other: Raw) -> bool:
    """Whether two requests mean the same to the signature: how a thing is written may differ."""

    def meaning(raw: Raw) -> Any:
        headers = {name: " ".join(value.split()) for name, value in raw["headers"].items()}
        headers["Authorization"] = ",".join(
            part.strip() for part in headers.get("Authorization", "").split(",")
        )
        pairs = sorted(unquote(p) for p in raw["raw_query"].split("&") if p)
        pairs = [p if "=" in p else f"{p}=" for p in pairs]
        return raw["method"].upper(), unquote(raw["raw_path"]), pairs, headers, raw["body"]

    return bool(meaning(one) == meaning(other))


def without(raw: Raw, *names: str) -> Raw:
    kept = {k: v for k, v in raw["headers"].items() if k.lower() not in names}
    return {**raw, "headers": kept}


def with_headers(raw: Raw, **headers: str) -> Raw:
    made = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = without(raw, *(name.lower() for name in made))["headers"]
    return {**raw, "headers": {**kept, **made}}


# Everything canonicalisation treats in its own way, to be strung together.
PIECES = [
    "a",
    "Z09",
    "-",
    "_",
    ".",
    "~",
    "/",
    "//",
    "/./",
    "/../",
    "..",
    "%2F",
    "%2f",
    "%41",
    "%7E",
    "%20",
    "+",
    "%",
    "%zz",
    "ü",
    "%C3%BC",
    "*",
    "!",
    ":",
    "@",
    "(",
    "=",
]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from([json_auth, s3_auth, s3_url, sts_url]),
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.lists(st.tuples(*[st.lists(st.sampled_from(PIECES), max_size=3)] * 2), max_size=4),
)
def test_whatever_botocore_signs_is_accepted(
    signer: Callable[..., Any], path: list[str], query: list[tuple[list[str], list[str]]]
) -> None:
    names = [quote("".join(name) or "x", safe="") for name, _ in query]
    values = [quote("".join(value), safe="") for _, value in query]
    target = quote("/" + "".join(path), safe="/~")
    if names:
        target += "?" + "&".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
    check(signed(signer, target, method="GET", body=b""))


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from([*PIECES, "&", "\n", "\udcc3\udcbc", "\udcff"]), max_size=10))
def test_short_cuts_of_canonicalisation_change_nothing(pieces: list[str]) -> None:
    text = "".join(pieces)

    def decoded(part: str) -> bytes:
        return unquote_to_bytes(part.encode("utf-8", "surrogateescape"))

    def normal(part: str) -> bytes:
        return normalize_url_path(part or "/").encode("utf-8", "surrogateescape")

    assert canonical_path(text, "s3") == (quote(decoded(text), "/-_.~") or "/")
    assert canonical_path(text, "sagemaker") == quote(normal(text), "/-_.~")
    pairs = [piece.partition("=")[::2] for piece in text.split("&") if piece]
    encoded = sorted(tuple(quote(decoded(part), "-_.~") for part in pair) for pair in pairs)
    assert canonical_query(query_pairs(text)) == "&".join(map("=".join, encoded))


def test_missing_and_malformed() -> None:
    raw = signed(json_auth, headers=JSON)
    authorization = raw["headers"]["Authorization"]
    refused(without(raw, "authorization"), "MissingAuthenticationTokenException")
    refused(without(raw, "x-amz-date"), "IncompleteSignatureException")
    refused(without(raw, "host"), "IncompleteSignatureException")
    for bad in (
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a",
        authorization.replace("aws4_request", "aws5_request"),
        authorization.replace("/eu-west-1/", "/eu west/"),
        authorization.replace("/eu-west-1/", "/"),
        authorization.replace("host;", ""),
        authorization.replace("content-type;host", "host;content-type"),
        authorization.replace("host;", "host;host;"),
        authorization + ", Signature=x",
        authorization.replace("Credential=", "Credential=x/"),
    ):
        refused(with_headers(raw, Authorization=bad), "IncompleteSignatureException")
    refused(with_headers(raw, X_Amz_Date="yesterday"), "IncompleteSignatureException")
    refused(with_headers(raw, X_Amz_Date="20261399T000000Z"), "IncompleteSignatureException")


def test_what_must_be_signed() -> None:
    raw = signed(json_auth)
    added = {**raw, "headers": {**raw["headers"], "X-Amz-Target": "SageMaker.ListModels"}}
    refused(added, "InvalidSignatureException")
    s3 = signed(s3_auth, "/b/k", method="PUT")
    added = {**s3, "headers": {**s3["headers"], "x-amz-copy-source": "/b/other"}}
    refused(added, "AccessDenied")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_clock_skew(minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    refused(signed(json_auth, headers=JSON), "InvalidSignatureException", now=now)
    refused(signed(s3_auth, "/b/k"), "RequestTimeTooSkewed", now=now)
    check(signed(json_auth), now=datetime.now(UTC) + timedelta(minutes=minutes * 14 // 16))


def test_presigned_times() -> None:
    raw = signed(s3_url, "/b/k", method="GET", body=b"")
    refused(raw, "AccessDenied", now=datetime.now(UTC) + timedelta(seconds=62))
    refused(raw, "AccessDenied", now=datetime.now(UTC) - timedelta(minutes=16))
    refused(
        signed(sts_url, "/?Action=x", method="GET", body=b""),
        "RequestExpired",
        now=datetime.now(UTC) + timedelta(seconds=62),
    )
    for expires in (0, 604801, -1):
        signer = partial(S3SigV4QueryAuth, service_name="s3", region_name="r", expires=expires)
        long = signed(signer, "/b/k", method="GET", body=b"")
        refused(long, "AuthorizationHeaderMalformed", 400, service="s3")
    week = partial(S3SigV4QueryAuth, service_name="s3", region_name="r", expires=604800)
    check(signed(week, "/b/k", method="GET", body=b""))


def test_bodies() -> None:
    raw = signed(json_auth, headers=JSON)
    refused({**raw, "body": b"{} "}, "InvalidSignatureException")
    s3 = signed(s3_auth, "/b/k", method="PUT")
    refused({**s3, "body": b"other"}, "XAmzContentSHA256Mismatch", 400)
    unsigned = signed(json_auth, headers={**JSON, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    refused(unsigned, "InvalidSignatureException")
    streamed = signed(json_auth, headers={**JSON, "X-Amz-Content-SHA256": "STREAMING-X"})
    refused(streamed, "InvalidSignatureException")


def test_streamed_body_is_for_the_caller_to_check() -> None:
    raw = signed(s3_auth, "/b/k", method="PUT", body=b"content")
    found = verify(KEYS, "PUT", "/b/k", "", raw["headers"], None, datetime.now(UTC), service="s3")
    assert found.payload == hashlib.sha256(b"content").hexdigest()
    assert len(found.signing_key) == 32
    assert "signing_key" not in repr(found)
    other = signed(json_auth)
    with pytest.raises(AWSError, match="IncompleteSignature"):
        verify(KEYS, "POST", "/", "", other["headers"], None, datetime.now(UTC))


def test_keys_that_are_not_ours() -> None:
    for credentials in (
        Credentials("AKIAIOSFODNN7EXAMPLE", "s"),
        Credentials(USER.access_key, USER.secret_key, "a-token"),
        Credentials(TEMPORARY.access_key, TEMPORARY.secret_key),
        Credentials(TEMPORARY.access_key, TEMPORARY.secret_key, "bm90IG91cnM="),
    ):
        raw = signed(json_auth, headers=JSON, credentials=credentials)
        refused(raw, "UnrecognizedClientException")
        refused(signed(s3_auth, "/b/k", credentials=credentials), "InvalidAccessKeyId")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = signed(lambda c: SigV4Auth(c, "sts", "r"), headers=form, credentials=credentials)
        refused(raw, "InvalidClientTokenId")
    wrong = Credentials(USER.access_key, USER.secret_key[:-1] + "x")
    refused(signed(json_auth, headers=JSON, credentials=wrong), "InvalidSignatureException")


def test_expired_token() -> None:
    ended = KEYS.issue(ACCOUNT, ARN, -1)
    credentials = Credentials(ended.access_key, ended.secret_key, ended.token)
    refused(signed(json_auth, headers=JSON, credentials=credentials), "ExpiredTokenException")
    refused(signed(s3_auth, "/b/k", credentials=credentials), "ExpiredToken", 400)


def test_only_the_service_asked() -> None:
    raw = signed(json_auth, headers=JSON)
    refused(raw, "AuthorizationHeaderMalformed", 400, service="s3")


def test_repeated_parameters_and_two_mechanisms() -> None:
    raw = signed(s3_url, "/b/k", method="GET", body=b"")
    twice = {**raw, "raw_query": raw["raw_query"] + "&X-Amz-Expires=9"}
    refused(twice, "AuthorizationHeaderMalformed", 400, service="s3")
    both = {**raw, "headers": {**raw["headers"], **signed(s3_auth)["headers"]}}
    refused(both, "AuthorizationHeaderMalformed", 400, service="s3")


def cases() -> dict[str, Raw]:
    return {
        "json": signed(json_auth, "/path?x=1&y=2", headers=JSON, credentials=ROLE),
        "s3": signed(s3_auth, "/b/key?acl", method="PUT", headers={"x-amz-acl": "private"}),
        "url": signed(s3_url, "/b/key?acl", method="GET", body=b"", credentials=ROLE),
        "form": signed(sts_url, "/?Action=x", method="GET", body=b""),
    }


def signed_places(raw: Raw) -> list[tuple[str, str | None]]:
    """Return everything a signature covers, and what it consists of itself."""
    authorization = raw["headers"].get("Authorization", raw["raw_query"])
    names = unquote(authorization.partition("SignedHeaders=")[2]).split("&")[0].split(",")[0]
    headers = [name for name in raw["headers"] if name.lower() in names.split(";")]
    if "Authorization" in raw["headers"]:
        headers.append("Authorization")
    return [("method", None), ("raw_path", None), ("raw_query", None), ("body", None)] + [
        ("headers", name) for name in headers
    ]


@pytest.mark.parametrize("kind", ["json", "s3", "url", "form"])
def test_every_byte_that_is_signed_counts(kind: str) -> None:
    """Change each byte of each signed header, the path, the query, the body and the signature."""
    raw = cases()[kind]
    before = check(raw)
    tried = accepted = 0
    for place, name in signed_places(raw):
        whole = raw[place] if name is None else raw[place][name]
        text = whole.decode() if isinstance(whole, bytes) else whole
        for position, letter in enumerate(text):
            other = "x" if letter != "x" else "y"
            new = text[:position] + other + text[position + 1 :]
            changed = dict(raw)
            if name is not None:
                changed["headers"] = {**raw["headers"], name: new}
            else:
                changed[place] = new.encode() if place == "body" else new
            tried += 1
            if same(changed, raw):
                assert check(changed) == before
                accepted += 1
                continue
            with pytest.raises(AWSError) as error:
                check(changed)
            assert 400 <= (error.value.status or 400) < 404, (place, name, position)
    assert tried > 200
    # Nothing but the blank behind a comma of the Authorization header may be another byte.
    assert accepted == 0


@pytest.mark.parametrize("kind", ["json", "s3", "url", "form"])
def test_a_request_is_as_good_the_second_time(kind: str) -> None:
    """AWS takes replays while the time of the signature is good, and so do we."""
    raw = cases()[kind]
    assert check(raw) == check(raw)
    refused_later = datetime.now(UTC) + timedelta(minutes=16)
    with pytest.raises(AWSError):
        check(raw, now=refused_later)


def test_the_session_token_is_the_keys_own() -> None:
    other = KEYS.issue(ACCOUNT, ARN, 3600)
    swapped = Credentials(TEMPORARY.access_key, TEMPORARY.secret_key, other.token)
    refused(signed(json_auth, headers=JSON, credentials=swapped), "UnrecognizedClientException")
    refused(
        signed(s3_url, "/b/k", method="GET", body=b"", credentials=swapped), "InvalidAccessKeyId"
    )
    none = Credentials(TEMPORARY.access_key, TEMPORARY.secret_key)
    refused(signed(s3_url, "/b/k", method="GET", body=b"", credentials=none), "InvalidAccessKeyId")
    raw = signed(json_auth, headers=JSON, credentials=ROLE)
    refused(without(raw, "x-amz-security-token"), "IncompleteSignatureException")


def test_an_upper_case_signature_is_none() -> None:
    raw = signed(json_auth, headers=JSON)
    head, _, signature = raw["headers"]["Authorization"].rpartition("=")
    upper = signature.upper()
    assert upper != signature
    refused(with_headers(raw, Authorization=f"{head}={upper}"), "InvalidSignatureException")


def test_a_presigned_url_covers_its_host() -> None:
    raw = signed(s3_url, "/b/k", method="GET", body=b"")
    refused({**raw, "headers": {"Host": "elsewhere"}}, "SignatureDoesNotMatch")
    without_host = raw["raw_query"].replace("SignedHeaders=host", "SignedHeaders=date")
    refused({**raw, "raw_query": without_host}, "AuthorizationHeaderMalformed", 400)
    both = {**raw, "headers": {**raw["headers"], "x-amz-copy-source": "/b/other"}}
    refused(both, "AccessDenied")


def look(raw: Raw) -> str:
    return screen(
        KEYS,
        raw["method"],
        raw["raw_path"],
        raw["raw_query"],
        raw["headers"],
        datetime.now(UTC),
    ).identity.arn


def test_before_the_body_the_key_and_the_times_are_checked() -> None:
    raw = signed(json_auth, headers=JSON)
    assert look(raw) == ARN
    stranger = Credentials("AKIAIOSFODNN7EXAMPLE", "s")
    for bad, code in (
        (signed(json_auth, headers=JSON, credentials=stranger), "UnrecognizedClientException"),
        (without(raw, "authorization"), "MissingAuthenticationTokenException"),
        (with_headers(raw, X_Amz_Date="20200101T000000Z"), "IncompleteSignatureException"),
        (with_headers(raw, X_Amz_Extra="x"), "InvalidSignatureException"),
    ):
        with pytest.raises(AWSError) as error:
            look(bad)
        assert error.value.code == code


def test_before_the_body_the_signature_is_checked_where_it_says_the_bodys_hash() -> None:
    wrong = Credentials(USER.access_key, USER.secret_key[:-1] + "x")
    digest = {"X-Amz-Content-SHA256": hashlib.sha256(b"{}").hexdigest()}
    assert look(signed(json_auth, headers={**JSON, **digest})) == ARN
    for bad in (
        signed(json_auth, headers={**JSON, **digest}, credentials=wrong),
        signed(s3_auth, "/b/k", method="PUT", credentials=wrong),
        signed(s3_url, "/b/k", method="PUT", body=b"", credentials=wrong),
        signed(HmacV1QueryAuth, "/b/k", method="PUT", body=b"", credentials=wrong),
    ):
        with pytest.raises(AWSError) as error:
            look(bad)
        assert error.value.code in ("InvalidSignatureException", "SignatureDoesNotMatch")
    # Only the body can tell here.
    assert look(signed(json_auth, headers=JSON, credentials=wrong)) == ARN
