"""The gateway's HTTP client, against model servers of every manner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp.http import HttpProcessingError

from jupyter_mlstudio.endpoints.gateway import client as module
from jupyter_mlstudio.endpoints.gateway.client import Address, Client, Unreachable

Served = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
BROKEN = (aiohttp.ClientError, HttpProcessingError, OSError)
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Reads requests with a Content-Length whole and has ``answer`` write what comes back."""

    def __init__(self, answer: Served) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.connections = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if task := asyncio.current_task():
            self.tasks.append(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.heads.append(head)
                await self.answer(await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Served) -> AsyncIterator[tuple[Server, Address, Client]]:
    server = Server(answer)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    client = Client()
    try:
        yield server, listening.sockets[0].getsockname()[:2], client
    finally:
        client.close()
        listening.close()
        if server.tasks:
            await asyncio.wait(server.tasks, timeout=5)


def writes(*parts: bytes, close: bool = False) -> Served:
    """Return what answers with these bytes, one part after the other."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        if close:
            writer.close()

    return answer


async def ask(client: Client, address: Address, body: bytes = b"x") -> tuple[int, bytes]:
    with await client.post(address, "/invocations", {"Accept": "*/*"}, body) as answer:
        return answer.status, await answer.content.read()


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([SHORT], b"ok"),
        ([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r\no", b"k"], b"ok"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"],
            b"ok",
        ),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", SHORT], b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], b""),
    ],
)
async def test_a_connection_serves_again(parts: list[bytes], body: bytes) -> None:
    async with serving(writes(*parts)) as (server, address, client):
        for _ in range(3):
            assert (await ask(client, address))[1] == body
        assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_one_that_ends_is_not_used_again(head: bytes) -> None:
    async with serving(writes(head, b"ok", close=True)) as (server, address, client):
        for _ in range(2):
            assert await ask(client, address) == (200, b"ok")
        assert server.connections == 2


@pytest.mark.parametrize(
    ("parts", "close"),
    [
        ([b""], True),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"], True),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok"], True),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], False),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], False),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000], False),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"], False),
    ],
)
async def test_what_breaks_off_or_is_no_http_is_an_error(parts: list[bytes], close: bool) -> None:
    async with serving(writes(*parts, close=close)) as (server, address, client):
        for number in (1, 2):
            with pytest.raises(BROKEN):
                await asyncio.wait_for(ask(client, address), 5)
            assert server.connections == number


async def test_a_connection_with_more_to_come_is_closed() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    async with serving(writes(half)) as (server, address, client):
        for number in (1, 2):
            with await client.post(address, "/", {}, b"x") as answer:
                assert await answer.content.readany() == b"ok"
            assert server.connections == number


async def test_what_comes_unasked_is_no_answer() -> None:
    async with serving(writes(SHORT + SHORT)) as (server, address, client):
        for number in (1, 2):
            assert await ask(client, address) == (200, b"ok")
            assert server.connections == number


async def test_a_refusal_that_comes_before_the_body_is_read_is_an_answer() -> None:
    full = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(full)
        with suppress(ConnectionError):
            await writer.drain()
            await reader.read()
        writer.close()
        done.set()

    done = asyncio.Event()
    listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = Client()
    address = listening.sockets[0].getsockname()[:2]
    assert await ask(client, address, b"x" * 20_000_000) == (413, b"no")
    await asyncio.wait_for(done.wait(), 5)
    client.close()
    listening.close()


async def test_connections_nobody_uses_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEPALIVE_SECONDS", 0.1)
    async with serving(writes(SHORT)) as (server, address, client):
        await ask(client, address)
        assert client._idle
        await asyncio.sleep(0.4)
        assert not client._idle
        await ask(client, address)
        assert server.connections == 2


async def test_a_header_cannot_begin_another() -> None:
    async with serving(writes(SHORT)) as (server, address, client):
        with pytest.raises(ValueError, match="line break"):
            await client.post(address, "/", {"X": "a\r\nY: b"}, b"")
        with await client.post(address, "/", {"X": "caf\udcc3\udca9"}, b""):
            pass
        assert b"X: caf\xc3\xa9\r\n" in server.heads[0]


async def test_nobody_there_is_told_apart(unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable):
        await Client().post(("127.0.0.1", unused_tcp_port), "/", {}, b"x")
