"""From an S3 request to its answer: authenticate, route, receive, run, send."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, cast

from aiohttp import web

from jupyter_mlstudio.wire.chunked import ChunkedDecoder
from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.encode import encode, encode_error
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.http import is_browser, wire_request
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Call, Caller, handlers
from jupyter_mlstudio.wire.request import WireRequest, WireResponse
from jupyter_mlstudio.wire.routing import route
from jupyter_mlstudio.wire.services import operation_model
from jupyter_mlstudio.wire.sigv4 import Signed, verify
from jupyter_mlstudio.wire.validate import validate

from .bodies import Claims, FileRange, Received
from .objects import ObjectStore
from .s3 import (  # noqa: F401 - they register
    buckets,
    configurations,
    lifecycle,
    listing,
    multipart,
    notifications,
    objects,
    tagging,
    versions,
)
from .s3.app import S3, check_common, not_implemented
from .sending import send_range

access_log = logging.getLogger("jupyter_mlstudio.access")
log = logging.getLogger(__name__)

MAX_DOCUMENT = 8 << 20
MAX_PUT = 5 << 30
_BLOCK = 1 << 20
_IDLE = 60.0
_SMALL = 128 << 10
_ATTEMPTS = 5
_CLIENT_LEFT = 499
_POLL = 0.02
# Operations with a streamed body, and what is checked before it is taken.
_ADMISSION = {"PutObject": objects.admit_put, "UploadPart": multipart.admit_part}
# Answered from memory and the page cache: a hop to another thread would cost more.
_QUICK = frozenset({"GetObject", "HeadObject", "HeadBucket"})
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
class _Exchange:
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


class Front:
    """Answers S3 requests for one store.

    Parameters
    ----------
    region:
        Stands in for the pseudo regions some clients sign for.
    configured:
        Told the name of every configuration of a bucket that was put.
    """

    def __init__(
        self,
        store: ObjectStore,
        keys: KeyRing,
        account: str,
        region: str,
        configured: Callable[[str], None],
    ) -> None:
        self._app = S3(store, account, configured)
        self._keys = keys
        self._region = region
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="s3")
        self._active = 0
        self._ending = False

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
        exchange = _Exchange(request, seen, secrets.token_hex(8).upper())
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

    async def _answer(self, exchange: _Exchange) -> web.StreamResponse:
        try:
            return await self._result(exchange)
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

    async def _result(self, exchange: _Exchange) -> web.StreamResponse:
        request, wire = exchange.request, exchange.wire
        if self._ending:
            raise AWSError("ServiceUnavailable", "This server is ending.", status=503)
        if is_browser(cast("web.Request", request)):
            raise AWSError("AccessDenied", "Browsers may not call this endpoint.", status=403)
        signed = self._authenticate(exchange)
        exchange.operation = operation = route(wire).operation
        handler = handlers().get(("s3", operation))
        if handler is None:
            raise not_implemented(operation)
        call = Call(self._app, "s3", operation, signed.caller, exchange.id)
        claims = Claims.of(wire.headers, signed.payload)
        body: Received | None = None
        store = self._app.store
        if operation in _ADMISSION:
            parameters = self._parameters(call, wire)
            also = await self._run(_ADMISSION[operation], call, parameters)
            body = await self._receive(exchange, signed, Received(store.files, claims, also))
            parameters["Body"] = body
        else:
            document = await self._document(exchange, signed, claims)
            parameters = self._parameters(call, replace(wire, body=document))
        for attempt in range(_ATTEMPTS):
            try:
                if operation in _QUICK:
                    result = handler(call, parameters)
                else:
                    result = await self._run(handler, call, parameters)
                answer = encode("s3", operation, result, request_id=exchange.id)
                return await self._send(request, answer, result or {})
            except FileNotFoundError:
                # Overwritten between the look into the catalogue and the opening of the file.
                if attempt == _ATTEMPTS - 1 or body is not None:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _authenticate(self, exchange: _Exchange) -> Signed:
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
        if signed.caller.account != self._app.account:
            raise AWSError("AccessDenied", "Access Denied", status=403)
        if signed.caller.region.startswith("aws-"):
            return replace(signed, caller=replace(signed.caller, region=self._region))
        return signed

    def _parameters(self, call: Call[S3], wire: WireRequest) -> dict[str, Any]:
        parameters = decode("s3", call.operation, wire)
        validate("s3", call.operation, parameters)
        check_common(call, parameters)
        return parameters

    async def _run(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401 - passed through
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, function, *arguments)

    async def _document(self, exchange: _Exchange, signed: Signed, claims: Claims) -> bytes:
        """Read and check a body that is an XML document, or empty."""
        if _must_be_summed(exchange.operation) and not (claims.md5 or claims.checksum):
            message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            raise AWSError("InvalidRequest", message, status=400)
        received, document = Received(None, claims), bytearray()
        if exchange.request.can_read_body:
            async for data in _blocks(exchange, signed, claims):
                document += data
                if len(document) > MAX_DOCUMENT:
                    message = f"Your request was too big: more than {MAX_DOCUMENT} bytes."
                    raise AWSError("MaxMessageLengthExceeded", message, status=400)
        received.keep(document)
        received.finish()
        return bytes(document)

    async def _receive(self, exchange: _Exchange, signed: Signed, received: Received) -> Received:
        """Stream a body into the store; its last block is left for the operation's thread."""
        length = _length(exchange.wire.headers)
        size, waiting = 0, b""
        working: asyncio.Future[None] | None = None
        try:
            async for data in _blocks(exchange, signed, received.claims):
                size += len(data)
                if waiting:
                    if working is not None:
                        await working
                    working = asyncio.ensure_future(self._run(received.add, waiting))
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

    async def _send(
        self, request: web.BaseRequest, answer: WireResponse, result: Mapping[str, Any]
    ) -> web.StreamResponse:
        status, headers, body = answer.status, answer.headers, answer.body
        if result.get("ContentRange"):
            status = 206
        if not isinstance(body, FileRange):
            return web.Response(status=status, headers=headers, body=body or None)
        headers.pop("Content-Length", None)
        with body.path.open("rb") as file:
            if body.length <= _SMALL:
                file.seek(body.offset)
                return web.Response(status=status, headers=headers, body=file.read(body.length))
            response = web.StreamResponse(status=status, headers=headers)
            response.content_length = body.length
            await send_range(request, response, file, body.offset, body.length)
            return response

    def _refused(self, exchange: _Exchange, error: AWSError) -> web.Response:
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


async def _blocks(exchange: _Exchange, signed: Signed, claims: Claims) -> AsyncIterator[bytes]:
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


@cache
def _must_be_summed(operation: str | None) -> bool:
    """Say whether a body has to come with its MD5 or a checksum."""
    if operation is None:
        return False
    model = operation_model("s3", operation)
    return bool(model.http_checksum.get("requestChecksumRequired"))


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
