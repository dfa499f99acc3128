"""One S3 request: who asks, how its body is read, and how it is refused."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

from aiohttp import web

from jupyter_mlstudio.wire.chunked import ChunkedDecoder
from jupyter_mlstudio.wire.encode import encode_error
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.http import is_browser, wire_request
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Caller
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.sigv4 import Signed, verify

from .bodies import Claims, Received

access_log = logging.getLogger("jupyter_mlstudio.access")
log = logging.getLogger(__name__)

MAX_PUT = 5 << 30
_BLOCK = 1 << 20
_IDLE = 60.0
_CLIENT_LEFT = 499
_POLL = 0.02
# What the wire calls failures that S3 has other names for.
_CODES = {
    "UnknownOperationException": (
        "MethodNotAllowed",
        405,
        "The specified method is not allowed against this resource.",
    ),
    "SerializationException": ("InvalidArgument", 400, None),
}


@dataclass(slots=True)
class Exchange:
    """One request and what is known of it so far."""

    request: web.BaseRequest
    wire: WireRequest
    id: str
    operation: str | None = None
    caller: Caller | None = None
    code: str = ""
    body_wanted: bool = False

    @property
    def expects(self) -> bool:
        """Whether the client holds its body back until it is told to go on."""
        return self.wire.headers.get("Expect", "").lower() == "100-continue"


class Listener(ABC):
    """Answers S3 requests that are signed with keys of one account.

    Parameters
    ----------
    region:
        Stands in for the pseudo regions some clients sign for.
    """

    def __init__(self, keys: KeyRing, account: str, region: str) -> None:
        self.account = account
        self._keys = keys
        self._region = region
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="s3")
        self._active = 0
        self._ending = False

    @abstractmethod
    async def result(self, exchange: Exchange) -> web.StreamResponse:
        """Do what a request asks for, or raise."""

    async def drain(self, seconds: float) -> None:
        """Refuse new requests, and wait for those under way: at most so long."""
        self._ending = True
        deadline = time.monotonic() + seconds
        while self._active and time.monotonic() < deadline:
            await asyncio.sleep(_POLL)

    def close(self) -> None:
        """End the worker threads."""
        self._pool.shutdown()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started = time.perf_counter()
        # What the wire reads of a request is in the base class.
        seen = wire_request(cast("web.Request", request), None)
        exchange = Exchange(request, seen, secrets.token_hex(8).upper())
        status = _CLIENT_LEFT
        self._active += 1
        try:
            response = await self._answer(exchange)
            status = response.status
            return response
        except ConnectionError:
            # The client went away; nobody reads the answer.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=status)
        finally:
            self._active -= 1
            access_log.log(
                logging.WARNING if status >= 500 else logging.DEBUG,
                "%s %s s3.%s %d %s %.1f ms %s %s",
                request.method,
                exchange.wire.path[:500],
                exchange.operation or "-",
                status,
                exchange.code or "-",
                (time.perf_counter() - started) * 1000,
                exchange.caller.access_key if exchange.caller else "-",
                exchange.id,
            )

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        try:
            return await self.result(exchange)
        except AWSError as error:
            return self._refused(exchange, error)
        except ConnectionError:
            raise
        except (OSError, sqlite3.Error) as error:
            log.error("Request %s failed: %s", exchange.id, error)
            return self._refused(exchange, _storage_error(error))
        except Exception:
            log.exception("Request %s failed", exchange.id)
            message = "We encountered an internal error. Please try again."
            return self._refused(exchange, AWSError("InternalError", message, status=500))

    def admit(self, exchange: Exchange) -> Signed:
        """Return what the signature of a request says, or refuse it."""
        if self._ending:
            raise AWSError("ServiceUnavailable", "This server is ending.", status=503)
        if is_browser(cast("web.Request", exchange.request)):
            raise AWSError("AccessDenied", "Browsers may not call this endpoint.", status=403)
        return self._authenticate(exchange)

    def _authenticate(self, exchange: Exchange) -> Signed:
        wire = exchange.wire
        signed = verify(
            self._keys,
            wire.method,
            wire.path,
            wire.query,
            wire.headers.items(),
            None,
            datetime.now(UTC),
            service="s3",
            region=self._region,
        )
        exchange.caller = signed.caller
        if signed.caller.account != self.account:
            raise AWSError("AccessDenied", "Access Denied", status=403)
        if signed.caller.region.startswith("aws-"):
            return replace(signed, caller=replace(signed.caller, region=self._region))
        return signed

    async def run(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - passed through
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, function, *arguments)

    async def receive(self, exchange: Exchange, signed: Signed, received: Received) -> Received:
        """Stream a body into the store; its last block is left for the operation's thread."""
        length = _length(exchange.wire.headers)
        size, waiting = 0, b""
        working: asyncio.Future[None] | None = None
        try:
            async for data in blocks(exchange, signed, received.claims):
                size += len(data)
                if waiting:
                    if working is not None:
                        await working
                    working = asyncio.ensure_future(self.run(received.add, waiting))
                waiting = data
            if working is not None:
                await working
            if size != length:
                message = "You did not provide the number of bytes specified by Content-Length."
                raise AWSError("IncompleteBody", message, status=400)
            received.keep(waiting)
        except BaseException:
            if working is not None:
                await asyncio.wait([working])
            received.discard()
            raise
        return received

    def _refused(self, exchange: Exchange, error: AWSError) -> web.Response:
        code, status, message = _CODES.get(error.code, (error.code, error.status, None))
        fields = {"Resource": exchange.wire.path[:1024], **error.fields}
        headers = getattr(error, "headers", {})
        error = AWSError(code, message or error.message, status=status, fields=fields)
        exchange.code = code
        answer = encode_error("s3", exchange.operation, error, exchange.id)
        answer.headers.update(headers)
        if code == "InvalidRange":
            answer.headers["Content-Range"] = f"bytes */{fields['ActualObjectSize']}"
        if answer.status == 304:
            answer.headers["ETag"] = fields["ETag"]
        if exchange.request.method == "HEAD" or answer.status == 304:
            answer.headers.pop("Content-Type", None)
            answer.body = b""
        response = web.Response(
            status=answer.status, headers=answer.headers, body=answer.body or None
        )
        if self._ending or (exchange.expects and not exchange.body_wanted):
            # A body that was not asked for never comes: what follows on this connection is not it.
            response.force_close()
        return response


async def blocks(exchange: Exchange, signed: Signed, claims: Claims) -> AsyncIterator[bytes]:
    """Yield the content of a body in large pieces; aws-chunked ones are decoded and checked."""
    request = exchange.request
    exchange.body_wanted = True
    if exchange.expects:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    decoder = None
    if signed.payload.startswith("STREAMING-"):
        decoder = ChunkedDecoder(signed, _length(request.headers))
    buffer = bytearray()
    while True:
        try:
            async with asyncio.timeout(_IDLE):
                data = await request.content.readany()
        except TimeoutError:
            message = (
                "Your socket connection to the server was not read from or written to within the"
                " timeout period."
            )
            raise AWSError("RequestTimeout", message, status=400) from None
        except web.RequestPayloadError as error:
            raise ConnectionResetError("the body stopped") from error
        if not data:
            break
        for piece in decoder.feed(data) if decoder else (data,):
            buffer += piece
        if len(buffer) >= _BLOCK:
            yield bytes(buffer)
            buffer.clear()
    if decoder:
        claims.trailers(MappingProxyType(decoder.finish()))
    if buffer:
        yield bytes(buffer)


def _length(headers: Mapping[str, str]) -> int:
    """Return how long a streamed body says it is, once decoded."""
    text = headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length")
    if text is None or not text.isdecimal():
        message = "You must provide the Content-Length HTTP header."
        raise AWSError("MissingContentLength", message, status=411)
    if int(text) > MAX_PUT:
        raise AWSError(
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            status=400,
            fields={"ProposedSize": text, "MaxSizeAllowed": MAX_PUT},
        )
    return int(text)


def _storage_error(error: OSError | sqlite3.Error) -> AWSError:
    full = getattr(error, "errno", None) == errno.ENOSPC
    if full or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        message = "There is no space left on the disk of the object store."
        return AWSError("InsufficientStorage", message, status=507)
    return AWSError("InternalError", f"The object store failed: {error}", status=500)
