"""Clients that say little or nothing, or do not listen: others are served, memory is bounded."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_mlstudio.wire import http
from jupyter_mlstudio.wire.connections import limit_connections
from jupyter_mlstudio.wire.keys import KeyRing
from tests.conftest import RunningStudio

from .watch import watched

BIG = 64 << 20


def signed(
    studio: RunningStudio, method: str, url: str, headers: dict[str, str], body: bytes = b""
) -> bytes:
    """Return the head of a request with the signature of the studio's user."""
    settings = studio.settings
    user = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    service = "s3" if url.startswith(settings.s3_url) else "sagemaker"
    if service == "s3":
        headers = {**headers, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    request = AWSRequest(method, url, headers, body)
    SigV4Auth(Credentials(user.access_key, user.secret_key), service, "us-east-1").add_auth(request)
    parts = urlsplit(url)
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Crowd:
    """Connections to the listeners of a studio."""

    def __init__(self, studio: RunningStudio, stack: ExitStack) -> None:
        self.studio = studio
        self._stack = stack
        settings = studio.settings
        self.listeners = (settings.url, settings.s3_url, settings.gateway_url)
        self.sockets: list[socket.socket] = []

    def connect(self, url: str, said: bytes) -> socket.socket:
        """Connect, and say something."""
        parts = urlsplit(url)
        made = self._stack.enter_context(
            socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10)
        )
        made.sendall(said)
        self.sockets.append(made)
        return made

    def idle(self, number: int) -> None:
        """Open connections and say nothing, or half of the headers."""
        for n in range(number):
            for url in self.listeners:
                self.connect(url, b"" if n % 2 else b"POST / HTTP/1.1\r\nHost: x\r\nX-Half: ")

    def slow_bodies(self, number: int) -> None:
        """Sign requests, and send a few bytes of their bodies."""
        settings = self.studio.settings
        endpoint = f"{settings.gateway_url}/endpoints/none/invocations"
        for _ in range(number):
            length = {"Content-Length": str(5 << 20)}
            for method, url in (
                ("POST", f"{settings.url}/"),
                ("POST", endpoint),
                ("PUT", f"{settings.s3_url}/{self.studio.bucket}/slow"),
            ):
                self.connect(url, signed(self.studio, method, url, length) + b"1234")

    def deaf(self, number: int) -> None:
        """Ask for a large object, and read nothing of it."""
        url = f"{self.studio.settings.s3_url}/{self.studio.bucket}/big"
        for _ in range(number):
            self.connect(url, signed(self.studio, "GET", url, {}))

    def speak(self) -> None:
        """Send one more byte where somebody listens yet."""
        for each in self.sockets:
            try:
                each.send(b"x")
            except OSError:
                continue

    def left(self) -> int:
        """Return how many connections the other side has not closed."""
        return sum(not closed(each) for each in self.sockets)


def closed(connection: socket.socket) -> bool:
    """Say whether the other side has closed a connection, reading what it sent before."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)
    return True


@contextmanager
def crowd(studio: RunningStudio) -> Iterator[Crowd]:
    with ExitStack() as stack:
        yield Crowd(studio, stack)


def test_thousands_that_say_nothing_keep_nobody_waiting(process_studio: RunningStudio) -> None:
    process_studio.client("s3").put_object(Bucket=process_studio.bucket, Key="big", Body=bytes(BIG))
    with crowd(process_studio) as them, watched(process_studio) as seen:
        them.idle(700)
        them.slow_bodies(40)
        them.deaf(40)
        for _ in range(8):
            them.speak()
            time.sleep(0.25)
    seen.check()
    assert len(them.sockets) == 3 * 700 + 3 * 40 + 40


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_who_goes_on_saying_nothing_is_hung_up_on(
    make_studio: Callable[[str], RunningStudio],
) -> None:
    studio = make_studio("process")
    studio.client("s3").put_object(Bucket=studio.bucket, Key="big", Body=bytes(BIG))
    with crowd(studio) as them, watched(studio) as seen:
        them.idle(1500)
        them.deaf(100)
        silent = len(them.sockets)
        them.slow_bodies(100)
        ending = time.monotonic() + 100
        while time.monotonic() < ending:
            for each in them.sockets[silent:]:
                try:
                    each.send(b"x")
                except OSError:
                    continue
            time.sleep(1)
        # An upload to S3 that goes on, however slowly, is no failure.
        assert them.left() <= 100
    seen.check()
    print(f"{len(them.sockets)} connections: {seen.summary()}")


KEYS = KeyRing(b"m" * 32)
ACCOUNT = "123456789012"


@asynccontextmanager
async def serving(most: int = 64) -> AsyncIterator[int]:
    """Serve no operations at all, and give the port."""
    application = http.make_app(
        SimpleNamespace(), KEYS, account=ACCOUNT, default_region="us-east-1", table={}
    )
    runner = http.make_runner(application)
    await runner.setup()
    limit_connections(runner.server, most)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def head(port: int, length: int) -> bytes:
    key = KEYS.user_key(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mlstudio")
    url = f"http://127.0.0.1:{port}/"
    headers = {
        "Content-Length": str(length),
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.ListModels",
    }
    request = AWSRequest("POST", url, headers, b"{}")
    SigV4Auth(Credentials(key.access_key, key.secret_key), "sagemaker", "us-east-1").add_auth(
        request
    )
    lines = ["POST / HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_a_body_has_to_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.1)
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(port, 1000) + b"{")
        answer = await asyncio.wait_for(reader.read(4096), 10)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"RequestTimeout" in answer
        writer.transport.abort()


async def test_headers_have_to_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.3)
    async with serving() as port:
        for said in (b"", b"POST / HTTP/1.1\r\nHost: x\r\nX-"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()


async def test_connections_beyond_the_limit_are_closed_until_there_is_room() -> None:
    async with serving(most=3) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await answers(held[0], port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        held.pop()[1].close()
        await asyncio.sleep(0.1)
        held.append(await asyncio.open_connection("127.0.0.1", port))
        await answers(held[-1], port)
        for _, writer in held:
            writer.close()


async def answers(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], port: int) -> None:
    reader, writer = connection
    writer.write(head(port, 2) + b"{}")
    assert (await asyncio.wait_for(reader.read(4096), 10)).startswith(b"HTTP/1.1 501")
