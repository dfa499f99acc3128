"""Everything that listens: nobody without a key gets anything from it, or changes anything."""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.credentials import Credentials

from jupyter_mlstudio.studio import capabilities, client, listeners
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import handlers
from tests.conftest import RunningStudio

from .operations import Operation, Server, operations

REFUSALS = (
    "MissingAuthenticationToken",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "AccessDenied",
)


def listening(studio: RunningStudio) -> dict[str, str]:
    """Return the URLs of the listeners of a studio on this machine, by who answers."""
    settings = studio.settings
    found = {"aws": settings.url, "s3": settings.s3_url, "gateway": settings.gateway_url}
    found["containers"] = f"http://127.0.0.1:{settings.container_port}"
    return found


every = cache(lambda: list(operations()))


def for_listener(name: str) -> list[Operation]:
    """Return the operations to ask a listener for."""
    wanted = {"s3": ("s3",), "gateway": ("sagemaker-runtime",)}
    return [each for each in every() if each.service in wanted.get(name, (each.service,))]


def built(asked: list[Operation]) -> list[Operation]:
    """Return those that something answers."""
    capabilities.load()
    known = {*handlers(), *(("sagemaker-runtime", each.name) for each in asked)}
    return [each for each in asked if (each.service, each.name) in known]


def state(studio: RunningStudio) -> Any:
    """Return what a stranger must not have changed."""
    status = studio.client("mlstudio").get_studio_status()
    s3 = studio.client("s3")
    return (
        status["ResourceCounts"],
        studio.client("mlstudio").list_events()["NextCursor"],
        [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        s3.list_objects_v2(Bucket=studio.bucket).get("KeyCount"),
        sorted(str(path) for path in studio.log_folder.glob("*")),
    )


def stranger(studio: RunningStudio) -> Iterator[tuple[str, Credentials | None]]:
    """Yield credentials that are none."""
    user = KeyRing.load(studio.settings.master_key).user_key(
        studio.settings.account, studio.settings.user_arn
    )
    yield "unsigned", None
    yield "of another studio", Credentials("AKIAIOSFODNN7EXAMPLE", "secret")
    yield "with another secret", Credentials(user.access_key, "secret")


@pytest.mark.parametrize("listener", ["aws", "containers", "s3", "gateway"])
def test_no_operation_works_without_a_key(process_studio: RunningStudio, listener: str) -> None:
    before = state(process_studio)
    server = Server(listening(process_studio)[listener])
    asked = for_listener(listener)
    for how, credentials in stranger(process_studio):
        # How a signature is wrong does not depend on the operation: those that there are will do.
        for operation in asked if credentials is None else built(asked):
            status, text = server.ask(operation, credentials)
            place = (how, operation.service, operation.name, status, text[:200])
            # HEAD has no body to say why.
            assert status in (401, 403), place
            assert operation.method == "HEAD" or any(word in text for word in REFUSALS), place
    server.close()
    assert state(process_studio) == before
    assert len(asked) > {"gateway": 2, "s3": 100}.get(listener, 1200)


@pytest.mark.parametrize("header", ["Origin", "Cookie", "Sec-Fetch-Site", "sec-fetch-mode"])
@pytest.mark.parametrize("listener", ["aws", "containers", "s3", "gateway"])
def test_no_page_in_a_browser_gets_through(
    process_studio: RunningStudio, listener: str, header: str
) -> None:
    """Not even with a key: a page may have been given one, or have got at a presigned URL."""
    settings = process_studio.settings
    user = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    key = Credentials(user.access_key, user.secret_key)
    server = Server(listening(process_studio)[listener])
    name = {"s3": "ListBuckets", "gateway": "InvokeEndpoint"}.get(listener, "ListEndpoints")
    operation = next(each for each in for_listener(listener) if each.name == name)
    status, text = server.ask(operation, key, **{header: "x"})
    server.close()
    assert (status, "AccessDenied" in text) == (403, True)


def test_beside_aws_there_is_health_and_credentials_only(process_studio: RunningStudio) -> None:
    """Every other route of ours would have to be looked at here first."""
    studio: Any = SimpleNamespace(
        settings=process_studio.settings, keys=KeyRing.load(process_studio.settings.master_key)
    )
    activity = listeners.Activity()
    apps = {
        "local": listeners.local(studio, activity, lambda _: {}),
        "containers": listeners.for_containers(studio, activity),
        "credentials": listeners.credentials_only(studio),
    }
    routes = {
        name: sorted((route.method, route.resource.canonical) for route in app.router.routes())
        for name, app in apps.items()
    }
    credentials = [("GET", "/v2/credentials/{id}"), ("HEAD", "/v2/credentials/{id}")]
    assert routes == {
        "local": [("GET", "/_health"), ("HEAD", "/_health")],
        "containers": credentials,
        "credentials": credentials,
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nobody_guesses_credentials(process_studio: RunningStudio, method: str) -> None:
    base = listening(process_studio)["containers"]
    uid = "0" * 32
    for name in ("", "x", uid, f"{uid}-", f"{uid}-{'0' * 32}", "..%2f..%2fmaster.key", "%00"):
        with pytest.raises(HTTPError) as error:
            urlopen(Request(f"{base}/v2/credentials/{name}", method=method))  # noqa: S310 - ours
        with error.value as answer:
            assert answer.code in (403, 404, 405), name
            assert b"SecretAccessKey" not in answer.read()


def processes(studio: RunningStudio) -> list[int]:
    found = client.find(studio.settings)
    assert found is not None
    return [found.pid, *found.health()["processes"].values()]


def inodes(pid: int) -> set[str]:
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def test_it_listens_on_this_machine_and_for_containers_only(
    process_studio: RunningStudio,
) -> None:
    settings = process_studio.settings
    ports = {settings.port, settings.s3_port, settings.gateway_port, settings.container_port, 80}
    for pid in processes(process_studio):
        own = inodes(pid)
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] not in own or (table.startswith("tcp") and fields[3] != "0A"):
                    continue
                address, _, port = fields[1].partition(":")
                assert table == "tcp", line
                host = socket.inet_ntoa(struct.pack("<I", int(address, 16)))
                assert host in ("127.0.0.1", "169.254.170.2"), line
                assert int(port, 16) in ports


def test_its_files_and_sockets_are_the_users_own(process_studio: RunningStudio) -> None:
    root = process_studio.settings.root
    assert stat.S_IMODE(root.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(process_studio.settings.master_key.stat().st_mode) == 0o600
    for pid in processes(process_studio):
        own = inodes(pid)
        for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[6] not in own or len(fields) < 8 or int(fields[3], 16) & 0x10000 == 0:
                continue
            path = Path(fields[7])
            assert path.is_relative_to(root), f"{path} listens outside of the root"
            assert path.stat().st_uid == os.getuid()
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


STRANGE = (
    b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: SageMaker.ListModels\r\n"
    b"Content-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n"
    b"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/"
    b"sagemaker/aws4_request, SignedHeaders=host, Signature=00\r\n\r\n"
)


@pytest.mark.parametrize("listener", ["aws", "containers", "s3", "gateway"])
def test_no_byte_of_a_strangers_body_is_waited_for(
    process_studio: RunningStudio, listener: str
) -> None:
    """The refusal comes before the body, of which we would else hold megabytes per connection."""
    host, _, port = listening(process_studio)[listener].removeprefix("http://").partition(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(STRANGE % (5 << 20))
        answer = connection.recv(65536)
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), answer[:200]
    assert time.monotonic() - began < 5
    assert json.dumps(answer.decode()).find("Traceback") < 0
