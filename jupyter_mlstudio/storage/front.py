"""From an S3 request to its answer: authenticate, route, receive, run, send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from aiohttp import web

from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.encode import encode
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Call, handlers
from jupyter_mlstudio.wire.permissions import authorize
from jupyter_mlstudio.wire.request import WireRequest, WireResponse
from jupyter_mlstudio.wire.routing import route
from jupyter_mlstudio.wire.services import operation_model
from jupyter_mlstudio.wire.sigv4 import Signed
from jupyter_mlstudio.wire.validate import validate

from .bodies import Claims, FileRange, Received
from .exchange import Exchange, Listener, blocks
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

MAX_DOCUMENT = 8 << 20
_SMALL = 128 << 10
_ATTEMPTS = 5
# Operations with a streamed body, and what is checked before it is taken.
_ADMISSION = {"PutObject": objects.admit_put, "UploadPart": multipart.admit_part}
# Answered from memory and the page cache: a hop to another thread would cost more.
_QUICK = frozenset({"GetObject", "HeadObject", "HeadBucket"})


class Front(Listener):
    """Answers S3 requests for one store.

    Parameters
    ----------
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
        super().__init__(keys, account, region)
        self._app = S3(store, account, configured)

    async def result(self, exchange: Exchange) -> web.StreamResponse:
        request, wire = exchange.request, exchange.wire
        signed = self.admit(exchange)
        exchange.operation = operation = route(wire).operation
        authorize(signed.caller, "s3", operation)
        handler = handlers().get(("s3", operation))
        if handler is None:
            raise not_implemented(operation)
        call = Call(self._app, "s3", operation, signed.caller, exchange.id)
        claims = Claims.of(wire.headers, signed.payload)
        body: Received | None = None
        store = self._app.store
        if operation in _ADMISSION:
            parameters = self._parameters(call, wire)
            also = await self.run(_ADMISSION[operation], call, parameters)
            body = await self.receive(exchange, signed, Received(store.files, claims, also))
            parameters["Body"] = body
        else:
            document = await self._document(exchange, signed, claims)
            parameters = self._parameters(call, replace(wire, body=document))
        for attempt in range(_ATTEMPTS):
            try:
                if operation in _QUICK:
                    result = handler(call, parameters)
                else:
                    result = await self.run(handler, call, parameters)
                answer = encode("s3", operation, result, request_id=exchange.id)
                return await self._send(request, answer, result or {})
            except FileNotFoundError:
                # Overwritten between the look into the catalogue and the opening of the file.
                if attempt == _ATTEMPTS - 1 or body is not None:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _parameters(self, call: Call[S3], wire: WireRequest) -> dict[str, Any]:
        parameters = decode("s3", call.operation, wire)
        validate("s3", call.operation, parameters)
        check_common(call, parameters)
        return parameters

    async def _document(self, exchange: Exchange, signed: Signed, claims: Claims) -> bytes:
        """Read and check a body that is an XML document, or empty."""
        if _must_be_summed(exchange.operation) and not (claims.md5 or claims.checksum):
            message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
            raise AWSError("InvalidRequest", message, status=400)
        received, document = Received(None, claims), bytearray()
        if exchange.request.can_read_body:
            async for data in blocks(exchange, signed, claims):
                document += data
                if len(document) > MAX_DOCUMENT:
                    message = f"Your request was too big: more than {MAX_DOCUMENT} bytes."
                    raise AWSError("MaxMessageLengthExceeded", message, status=400)
        received.keep(document)
        received.finish()
        return bytes(document)

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


@cache
def _must_be_summed(operation: str | None) -> bool:
    """Say whether a body has to come with its MD5 or a checksum."""
    if operation is None:
        return False
    model = operation_model("s3", operation)
    return bool(model.http_checksum.get("requestChecksumRequired"))
