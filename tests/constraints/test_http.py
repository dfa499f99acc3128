"""What is no plain HTTP, to each of the three servers: refused, nothing done, nothing shown.

And a sample of the constraints over a socket, as clients meet them.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.credentials import Credentials

from jupyter_mlstudio.wire.keys import KeyRing
from tests.conftest import RunningStudio

from .raw import Client, head

SERVERS = ("studio", "s3", "gateway")
LEAKS = re.compile(rb"Traceback|File \"|jupyter_mlstudio|site-packages", re.I)
CANARY = "canary-5f1c"
JSON = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "SageMaker.CreateModelPackageGroup",
}


@pytest.fixture(scope="module")
def clients(process_studio: RunningStudio) -> Iterator[dict[str, Client]]:
    settings = process_studio.settings
    user = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    keys = Credentials(user.access_key, user.secret_key)
    made = {
        "studio": Client(settings.url, keys, "sagemaker", settings.region),
        "s3": Client(settings.s3_url, keys, "s3", settings.region),
        "gateway": Client(settings.gateway_url, keys, "sagemaker", settings.region),
    }
    yield made
    for client in made.values():
        client.close()


def write(server: str, studio: RunningStudio, name: str) -> tuple[str, str, dict[str, str], bytes]:
    """Return a request that makes something: method, target, headers, body."""
    if server == "s3":
        return "PUT", f"/{studio.bucket}/{name}", {}, b"x"
    if server == "gateway":
        return "POST", f"/endpoints/{name}/invocations", {}, b"x"
    return "POST", "/", JSON, json.dumps({"ModelPackageGroupName": name}).encode()


def made(server: str, studio: RunningStudio, client: Client, name: str) -> bool:
    """Say whether there is what :func:`write` makes."""
    if server == "s3":
        return client.ask("GET", f"/{studio.bucket}/{name}", {})[0] == 200
    if server == "gateway":
        return False
    headers = {**JSON, "X-Amz-Target": "SageMaker.DescribeModelPackageGroup"}
    body = json.dumps({"ModelPackageGroupName": name}).encode()
    return client.ask("POST", "/", headers, body)[0] == 200


# Lines that go behind signed headers of a request with a body of one byte or more.
FRAMINGS: dict[str, tuple[str, ...]] = {
    "length and chunks": ("Content-Length: {n}", "Transfer-Encoding: chunked"),
    "chunks and length": ("Transfer-Encoding: chunked", "Content-Length: {n}"),
    "two lengths": ("Content-Length: {n}", "Content-Length: 0"),
    "a list of lengths": ("Content-Length: {n}, {n}",),
    "a negative length": ("Content-Length: -1",),
    "a signed length": ("Content-Length: +{n}",),
    "a length in hex": ("Content-Length: 0x1",),
    "an endless length": ("Content-Length: 99999999999999999999",),
    "chunks of another kind": ("Transfer-Encoding: xchunked",),
    "chunks twice": ("Transfer-Encoding: chunked, chunked",),
    "chunks, hidden by a tab": ("Content-Length: {n}", "Transfer-Encoding:\tchunked"),
    "chunks, hidden by a space": ("Content-Length: {n}", "Transfer-Encoding : chunked"),
    "a folded header": ("X-Folded: a", " b", "Content-Length: {n}"),
    "a header without a name": (": x", "Content-Length: {n}"),
    "a header without a colon": ("nonsense", "Content-Length: {n}"),
    "a name with a space": ("A B: x", "Content-Length: {n}"),
    "NUL in a header": ("X-Nul: a\0b", "Content-Length: {n}"),
    "a lone CR in a header": ("X-Cr: a\rSet-Cookie: b", "Content-Length: {n}"),
    "a second host": ("Host: evil", "Content-Length: {n}"),
    "a long header": ("X-Long: " + "a" * 70_000, "Content-Length: {n}"),
}
HARMLESS = {"a folded header", "a second host", "chunks, hidden by a tab"}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", FRAMINGS)
def test_requests_that_two_could_read_differently(
    process_studio: RunningStudio, clients: dict[str, Client], server: str, case: str
) -> None:
    client = clients[server]
    name = f"first-{re.sub('[^a-z]', '', case)}"
    method, target, headers, body = write(server, process_studio, name)
    hidden = write(server, process_studio, f"{name}-hidden")
    signed = client.signed(*hidden[:3], hidden[3])
    smuggled = head(hidden[0], hidden[1], signed, f"Content-Length: {len(hidden[3])}") + hidden[3]
    payload = b"0\r\n\r\n" + smuggled
    lines = [line.format(n=len(body)) for line in FRAMINGS[case]]
    first = head(method, target, client.signed(method, target, headers, body), *lines)
    status, answer = client.bytes(first + (payload if "chunk" in case else body), method=method)
    assert status < 500 or status == 501, answer
    assert not LEAKS.search(answer)
    assert case in HARMLESS or not 200 <= status < 300, answer
    assert not made(server, process_studio, client, f"{name}-hidden")
    assert 200 <= status < 300 or not made(server, process_studio, client, name)


STARTS = [
    b"",
    b"\0\0\0\0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"G\xffT / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: h\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /%0d%0aSet-Cookie:x=y HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /\r\nSet-Cookie: x=y HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(5000)) + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
    b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
]


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_hardly_http(clients: dict[str, Client], server: str) -> None:
    for start in STARTS[1:]:
        status, answer = clients[server].bytes(start)
        assert status == 0 or 400 <= status < 500 or status == 501, (start[:60], answer)
        assert not LEAKS.search(answer), (start[:60], answer)
        assert b"ami-id" not in answer


@pytest.mark.parametrize("server", SERVERS)
def test_secrets_in_broken_headers_are_not_logged(
    process_studio: RunningStudio, clients: dict[str, Client], server: str
) -> None:
    broken = f"GET / HTTP/1.1\r\nHost: h\r\nAuthori zation: {CANARY}\r\n\r\n".encode()
    status, _ = clients[server].bytes(broken)
    assert status in (0, 400)
    for path in process_studio.settings.root.rglob("*.log"):
        logged = path.read_text(errors="replace")
        assert CANARY not in logged, path
        assert "Traceback" not in logged, path


def bomb(size: int) -> bytes:
    return gzip.compress(b'{"ModelPackageGroupName":"' + b"a" * size + b'"}')


def test_bodies_that_unpack_to_too_much(clients: dict[str, Client]) -> None:
    once = bomb(64 << 20)
    for body, headers in (
        (once, {"Content-Encoding": "gzip"}),
        (gzip.compress(once), {"Content-Encoding": "gzip"}),
        (gzip.compress(once), {"Content-Encoding": "gzip, gzip"}),
        (b"\x1f\x8b" + b"\0" * 100, {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Encoding": "br"}),
        (b"{}", {"Content-Encoding": "gzip\t"}),
    ):
        status, _, answer = clients["studio"].ask("POST", "/", {**JSON, **headers}, body)
        assert status in (400, 413), answer
        assert not LEAKS.search(answer)


SAMPLE: list[tuple[str, Any, str, str]] = [
    (
        "SageMaker.DescribeTrainingJob",
        {"TrainingJobName": "a_b"},
        "ValidationException",
        "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: ",
    ),
    (
        "SageMaker.DescribeTrainingJob",
        {},
        "ValidationException",
        "1 validation error detected: Value null at 'trainingJobName' failed to satisfy "
        "constraint: Member must not be null",
    ),
    (
        "SageMaker.DescribeTrainingJob",
        {"TrainingJobName": 1},
        "SerializationException",
        "NUMBER_VALUE can not be converted to String",
    ),
    (
        "SageMaker.ListTrainingJobs",
        {"MaxResults": 101},
        "ValidationException",
        "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100",
    ),
    (
        "SageMaker.ListTrainingJobs",
        {"SortBy": "Colour"},
        "ValidationException",
        "1 validation error detected: Value 'Colour' at 'sortBy' failed to satisfy constraint: "
        "Member must satisfy enum value set: [",
    ),
]


@pytest.mark.parametrize(("target", "value", "code", "says"), SAMPLE)
def test_a_sample_over_a_socket(
    clients: dict[str, Client], target: str, value: Any, code: str, says: str
) -> None:
    headers = {**JSON, "X-Amz-Target": target}
    status, sent, body = clients["studio"].ask("POST", "/", headers, json.dumps(value).encode())
    document = json.loads(body)
    assert (status, document["__type"]) == (400, code)
    assert sent["x-amzn-ErrorType"] == code
    assert document["message"].startswith(says)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("where", ["header", "query", "path", "authorization"])
def test_signatures_over_what_is_no_text(
    process_studio: RunningStudio, clients: dict[str, Client], server: str, where: str
) -> None:
    client = clients[server]
    method, target, headers, body = write(server, process_studio, f"bytes-{where}")
    signed = client.signed(method, target, {**headers, "x-amz-meta-a": "@"}, body)
    start = head(method, target, signed, f"Content-Length: {len(body)}")
    if where == "header":
        start = start.replace(b"@", b"\xff\xfe")
    elif where == "query":
        start = start.replace(b" HTTP/1.1", b"?a=%FF&%ff=\xff HTTP/1.1", 1)
    elif where == "path":
        start = start.replace(b" HTTP/1.1", b"%FF\xff HTTP/1.1", 1)
    else:
        start = start.replace(b"Signature=", b"Signature=\xff\xe9")
    status, answer = client.bytes(start + body, method=method)
    assert 400 <= status < 500, answer
    assert not LEAKS.search(answer)
