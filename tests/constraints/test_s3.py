"""Every member of every S3 operation we have, broken; headers, keys and names that mean no good."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from botocore.credentials import Credentials
from botocore.model import Shape, StructureShape
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

import jupyter_mlstudio.storage.front  # noqa: F401 - registers the operations
from jupyter_mlstudio.wire.operation import handlers
from jupyter_mlstudio.wire.services import operation_model
from tests.storage.conftest import Front

from .raw import Client, md5
from .shapes import Place, at, places, smallest, within

BUCKET, KEY = "constraints", "key"
OPERATIONS = sorted(name for service, name in handlers() if service == "s3")
LEAKS = re.compile(rb"Traceback|File \"|jupyter_mlstudio|site-packages|sqlite", re.I)
CODES = {
    *("InvalidArgument", "MalformedXML", "InvalidRequest", "NoSuchUpload", "NoSuchKey"),
    *("NotImplemented", "NoSuchVersion", "InvalidPart", "InvalidTag", "AccessDenied"),
    *("AccessControlListNotSupported", "MalformedPolicy", "InvalidBucketName", "NoSuchBucket"),
    *("BadDigest", "InvalidDigest", "KeyTooLongError", "IllegalVersioningConfigurationException"),
    *("InvalidRange", "PreconditionFailed", "BadRequest", "MethodNotAllowed", "EntityTooSmall"),
    *("InvalidLocationConstraint", "BucketAlreadyOwnedByYou", "InvalidStorageClass"),
    *("InvalidPartOrder", "MetadataTooLarge", "InvalidToken"),
}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("s3")).start()
    yield made
    assert made.stop() == 0
    assert "Traceback" not in (made.root / "front.log").read_text()


@pytest.fixture(scope="module")
def client(front: Front) -> Iterator[Client]:
    keys = front.credentials()
    made = Client(front.url, Credentials(keys.access_key, keys.secret_key), "s3")
    assert made.ask("PUT", f"/{BUCKET}", {})[0] == 200
    assert made.ask("PUT", f"/{BUCKET}/{KEY}", {}, b"body")[0] == 200
    yield made
    made.close()


def state(front: Front) -> dict[str, str]:
    """Return what the store keeps: its journal and its bodies."""
    return {
        str(path.relative_to(front.data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(front.data.rglob("*"))
        if path.is_file() and not path.name.startswith("objects.db")
    }


def good(shape: Shape) -> Any:
    """Return the smallest request, about what there is."""
    assert isinstance(shape, StructureShape)
    known = {"Bucket": BUCKET, "Key": KEY, "CopySource": f"{BUCKET}/{KEY}"}
    value = smallest(shape)
    return {**value, **{name: known[name] for name in known if name in shape.members}}


def wrong_values(shape: Shape) -> Iterator[Any]:
    """Yield what a member cannot be."""
    limits = shape.metadata
    if "enum" in limits:
        yield "NoSuchValue"
    if shape.type_name in ("integer", "long"):
        yield from ("x", "", "1.5", "99999999999999999999", "\u0661")
    if shape.type_name == "blob" and not shape.serialization.get("streaming"):
        yield b""


def sent(operation: str, value: Any) -> tuple[str, str, dict[str, str], bytes] | None:
    """Return what goes onto the wire; None where botocore itself cannot write it."""
    serializer = create_serializer("rest-xml", include_validation=False)
    try:
        made = serializer.serialize_to_request(value, operation_model("s3", operation))
    except (ValueError, TypeError, AttributeError):
        return None
    target = made["url_path"]
    if made["query_string"]:
        target += ("&" if "?" in target else "?") + percent_encode_sequence(made["query_string"])
    body = made["body"] or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    headers = {name: str(text) for name, text in made["headers"].items()}
    return made["method"], target, {**headers, "Content-MD5": md5(body)}, body


def breaks(root: StructureShape) -> Iterator[tuple[str, Any]]:
    """Yield (what, request) with one thing wrong each."""
    for place in places(root):
        shape = at(root, place)
        if _name(place) == "ContentLength":
            continue  # HTTP's own: see test_http
        if isinstance(shape, StructureShape):
            for name in shape.required_members:
                left = {k: v for k, v in smallest(shape).items() if k != name}
                yield f"{_name(place)} without {name}", _with(root, place, left)
        for bad in wrong_values(shape):
            yield f"{_name(place)} = {bad!r}", _with(root, place, bad)


def _with(root: StructureShape, place: Place, value: Any) -> Any:
    made = within(root, place, lambda _: value)
    member = place[0].member or ""
    return {**good(root), member: made[member]}


def _name(place: Place) -> str:
    return ".".join(step.member or "*" for step in place)


def complaint(front: Front, method: str, status: int, body: bytes) -> str | None:
    """Say what is wrong with an answer."""
    if status >= 500 and status != 501:
        return "a failure"
    if LEAKS.search(body) or str(front.root).encode() in body:
        return "shows what is ours"
    code = re.search(rb"<Code>(\w+)</Code>", body)
    if status >= 400 and method != "HEAD" and (code is None or code[1].decode() not in CODES):
        return "another error"
    return None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_member(front: Front, client: Client, operation: str) -> None:
    root = operation_model("s3", operation).input_shape
    assert isinstance(root, StructureShape)
    before = state(front)
    problems = []
    for what, value in breaks(root):
        request = sent(operation, value)
        if request is None:
            continue
        status, _, body = client.ask(*request)
        problem = complaint(front, request[0], status, body)
        if status < 400:
            client.ask("PUT", f"/{BUCKET}", {})
            client.ask("PUT", f"/{BUCKET}/{KEY}", {}, b"body")
            before = state(front)
        elif state(front) != before:
            problem, before = "changed something", state(front)
        if problem:
            problems.append(f"{what}: {problem}: {status} {body[:250]!r}")
    assert not problems, "\n".join(problems)


HEADERS = {
    "Content-Type": b"\xff\xfe",
    "Cache-Control": b"a\xff",
    "Content-Disposition": b"attachment; filename=\xe9",
    "Content-Language": b"\xc3\x28",
    "Content-Encoding": b"\xa0\xa1",
    "Expires": b"\xf0\x28\x8c\x28",
    "If-Match": b"\xff",
    "Range": b"bytes=\xff-",
    "Content-MD5": b"\xff",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_headers_that_are_no_text(client: Client, method: str, name: str) -> None:
    body = b"body" if method == "PUT" else b""
    target = f"/{BUCKET}/headers"
    status, _, answer = client.ask(method, target, {}, body, unsigned={name: HEADERS[name]})
    assert status in (200, 206, 400, 404, 412, 416), answer
    assert not LEAKS.search(answer)
    status, _, answer = client.ask("GET", target, {})
    assert status in (200, 404), answer


@pytest.mark.parametrize("key", ["a\x01b", "a\x1fb", "a\ufffeb", "a\x7fb", "a\r\nb", "&<>\"'"])
def test_errors_about_strange_keys_can_be_read(client: Client, key: str) -> None:
    status, _, body = client.ask("GET", f"/{BUCKET}/{quote(key, safe='')}", {})
    assert status == 404
    assert ElementTree.fromstring(body).findtext("Code") == "NoSuchKey"  # noqa: S314 - our own


@pytest.mark.parametrize(
    "source",
    [
        "../../etc/passwd",
        "/../x",
        f"{BUCKET}/../{BUCKET}/key2",
        f"{BUCKET}/%2e%2e/%2e%2e/etc/passwd",
        f"{BUCKET}/%252e%252e/x",
        f"{BUCKET}",
        "",
        "/",
        f"{BUCKET}/%ff",
        f"{BUCKET}/{KEY}?versionId=../x",
        f"{BUCKET}/{KEY}%3FversionId=x",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/y",
        f"http://169.254.169.254/{BUCKET}/{KEY}",
        f"{BUCKET}/a%00b",
    ],
)
def test_sources_of_copies_that_lead_elsewhere(front: Front, client: Client, source: str) -> None:
    before = state(front)
    for target in (f"/{BUCKET}/copy", f"/{BUCKET}/copy?partNumber=1&uploadId=x"):
        headers = {"x-amz-copy-source": source}
        status, _, body = client.ask("PUT", target, headers)
        assert 400 <= status < 500, body
        assert not LEAKS.search(body)
    assert state(front) == before


@pytest.mark.parametrize("part", ["0", "-1", "10001", "99999999999", "1.5", "x", ""])
def test_numbers_of_parts(client: Client, part: str) -> None:
    status, _, body = client.ask("PUT", f"/{BUCKET}/k?partNumber={part}&uploadId=x", {}, b"x")
    assert status in (400, 404), body
    assert b"<Code>InvalidArgument<" in body
