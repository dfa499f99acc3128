"""Requests that the studio passes on, through two real servers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from jupyter_mlstudio.studio.forward import Forwarder


async def echo(request: web.Request) -> web.StreamResponse:
    """Answer with what came, twice over in two chunks."""
    body = await request.read()
    headers = {"X-Path": request.raw_path, "X-Host": request.host, "Content-Encoding": "gzip"}
    if "X-Signed" in request.headers:
        headers["X-Signed"] = request.headers["X-Signed"]
    response = web.StreamResponse(status=207, headers=headers)
    await response.prepare(request)
    await response.write(body)
    await response.write(body)
    await response.write_eof()
    return response


@pytest.fixture
async def front() -> AsyncIterator[TestServer]:
    back = web.Application(client_max_size=0)
    back.router.add_route("*", "/{path:.*}", echo)
    async with TestServer(back) as behind:
        forwarder = Forwarder(str(behind.make_url("")).rstrip("/"), "The object store")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", forwarder.forward)
        async with TestServer(app) as server:
            yield server
        await forwarder.close()


async def test_bytes_and_signed_headers_pass_unchanged(front: TestServer) -> None:
    body = bytes(range(256)) * 10_000
    raw = "/bucket/a%2Fb%20c?prefix=x%2By"
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.put(
            f"http://127.0.0.1:{front.port}{raw}",
            data=io.BytesIO(body),
            headers={"X-Signed": "yes", "Host": "studio.example:1"},
            allow_redirects=False,
        ) as answer,
    ):
        assert answer.status == 207
        assert answer.headers["X-Host"] == "studio.example:1"
        assert answer.headers["X-Signed"] == "yes"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert await answer.read() == body * 2


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do what a process does that is killed in the middle of a request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("listening", [False, True])
async def test_a_process_that_is_down_is_unavailable(listening: bool) -> None:
    dying = await asyncio.start_server(hang_up, "127.0.0.1")
    port = dying.sockets[0].getsockname()[1] if listening else 9
    with_nobody = Forwarder(f"http://127.0.0.1:{port}", "The object store")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", with_nobody.forward)
    async with TestServer(app) as server, aiohttp.ClientSession() as client:
        async with client.get(server.make_url("/bucket")) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["x-amzn-ErrorType"] == "ServiceUnavailable"
        await with_nobody.close()
        await asyncio.sleep(0)
    dying.close()
    await dying.wait_closed()
