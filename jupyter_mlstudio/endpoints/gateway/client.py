"""HTTP to model containers: one POST after the other on connections that are kept for the next.

aiohttp's protocol reads the answers. Its client knows redirects, cookies, proxies and much more, of
which nothing is needed here, and which every call would pay for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

KEEPALIVE_SECONDS = 1.5
"""Shorter than what common model servers keep (gunicorn: 2 s), so that they never hang up first."""

CONNECT_SECONDS = 2.0

Address = tuple[str, int]


class Unreachable(Exception):
    """Nobody takes a connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A container's answer; its body may still be on its way.

    To be used as a context, which gives the connection back, or closes it where more would come.
    """

    status: int
    headers: CIMultiDictProxy[str]
    content: StreamReader
    _client: Client
    _address: Address
    _connection: ResponseHandler

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.give_back(self._address, self._connection)


class Client:
    """Sends POST requests; its connections belong to the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Address, list[tuple[ResponseHandler, float]]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def post(
        self, address: Address, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Return an answer once its headers are there.

        Raises
        ------
        Unreachable
            Nobody takes a connection; nothing was sent.
        aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError
            The answer broke off, or is no HTTP.
        """
        connection = self._take(address)
        if connection is None:
            connection = await self._connect(address)
        try:
            message, content = await self._exchange(connection, address, path, headers, body)
        except BaseException:
            connection.abort()
            raise
        return Answer(message.code, message.headers, content, self, address, connection)

    async def _exchange(
        self,
        connection: ResponseHandler,
        address: Address,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[RawResponseMessage, StreamReader]:
        connection.set_response_params(read_until_eof=True, auto_decompress=False)
        if connection.transport is not None:
            connection.transport.writelines((_head(address, path, headers, len(body)), body))
        while True:
            message, content = await connection.read()
            if not 100 <= message.code < 200 or message.code == 101:
                return message, content

    def give_back(self, address: Address, connection: ResponseHandler) -> None:
        """Keep a connection for the next request, unless this one is not over on it."""
        if not _reusable(connection):
            connection.abort()
            return
        self._idle.setdefault(address, []).append((connection, self._loop.time()))
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEPALIVE_SECONDS, self._close_idle)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connections in self._idle.values():
            for connection, _ in connections:
                connection.close()
        self._idle.clear()

    def _take(self, address: Address) -> ResponseHandler | None:
        """Return a connection that was used just now."""
        connections = self._idle.get(address)
        while connections:
            connection, since = connections.pop()
            if _reusable(connection) and self._loop.time() - since < KEEPALIVE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self, address: Address) -> ResponseHandler:
        make = partial(ResponseHandler, self._loop)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await self._loop.create_connection(make, *address)
        except OSError as error:
            raise Unreachable from error
        return connection

    def _close_idle(self) -> None:
        self._sweep = None
        oldest = self._loop.time() - KEEPALIVE_SECONDS
        for address, connections in list(self._idle.items()):
            kept = []
            for connection, since in connections:
                if since > oldest and _reusable(connection):
                    kept.append((connection, since))
                else:
                    connection.close()
            if kept:
                self._idle[address] = kept
            else:
                del self._idle[address]
        if self._idle:
            self._sweep = self._loop.call_later(KEEPALIVE_SECONDS, self._close_idle)


def _reusable(connection: ResponseHandler) -> bool:
    transport = connection.transport
    return (
        connection.is_connected()
        and not connection.should_close
        # An answer may come before the request has been read.
        and transport is not None
        and not transport.get_write_buffer_size()
    )


def _head(address: Address, path: str, headers: Mapping[str, str], length: int) -> bytes:
    """Return request line and headers.

    Raises
    ------
    ValueError
        A header would begin another.
    """
    host, port = address
    given = [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in given):
        raise ValueError("a header has a line break")
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", *given, f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
