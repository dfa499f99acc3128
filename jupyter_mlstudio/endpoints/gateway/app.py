"""The caller's side of an invocation: who asks, for which endpoint, within which limits."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from aiohttp import web
from botocore.model import StructureShape

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.endpoints.gateway.answers import error_answer, not_found, too_large
from jupyter_mlstudio.endpoints.gateway.client import Client
from jupyter_mlstudio.endpoints.gateway.metrics import Metrics
from jupyter_mlstudio.endpoints.gateway.table import RouteTable
from jupyter_mlstudio.endpoints.gateway.upstream import (
    Exchange,
    Invocation,
    client_headers,
    container_headers,
    exchange,
)
from jupyter_mlstudio.endpoints.routes import SERVING, EndpointRoute, Variant
from jupyter_mlstudio.wire.decode import decode
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.eventstream import CONTENT_TYPE, encode_event, encode_exception
from jupyter_mlstudio.wire.http import wire_request
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Caller
from jupyter_mlstudio.wire.permissions import authorize
from jupyter_mlstudio.wire.services import service_model
from jupyter_mlstudio.wire.sigv4 import prove, screen
from jupyter_mlstudio.wire.validate import validate

log = logging.getLogger(__name__)

BODY_LIMIT = 6_291_456
BODY_SECONDS = 60.0
READER_SECONDS = 60.0
"""How long a client may leave what it is sent unread."""
_OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
_ROUTE = re.compile(rf"/endpoints/([^/]+)/({'|'.join(_OPERATIONS)})")
_STREAM = cast("StructureShape", service_model("sagemaker-runtime").shape_for("ResponseStream"))


class Gateway:
    """Answers InvokeEndpoint and InvokeEndpointWithResponseStream."""

    def __init__(self, table: RouteTable, keys: KeyRing, metrics: Metrics, client: Client) -> None:
        self._table = table
        self._keys = keys
        self._metrics = metrics
        self._client = client

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every failure is an error an AWS client can read."""
        try:
            return await self._answer(request)
        except AWSError as error:
            return error_answer(_operation(request), error)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            failure = AWSError("InternalFailure", "An internal failure occurred.")
            return error_answer(_operation(request), failure)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        started = asyncio.get_running_loop().time()
        _refuse_browsers(request.headers)
        path, _, query = request.raw_path.partition("?")
        screened = screen(
            self._keys,
            request.method,
            path,
            query,
            request.headers,
            datetime.now(UTC),
            service="sagemaker",
        )
        body = await _read_body(request)
        caller = prove(screened, hashlib.sha256(body).hexdigest()).caller
        match = _ROUTE.fullmatch(path)
        if match is None or request.method != "POST":
            raise AWSError("UnknownOperationException", f"No operation at {path}.", status=404)
        action = match.group(2)
        operation = _OPERATIONS[action]
        authorize(caller, "sagemaker-runtime", operation)
        if action == "async-invocations":
            message = "InvokeEndpointAsync is not supported by this studio yet."
            raise AWSError("UnsupportedOperation", message)
        wire = wire_request(cast("web.Request", request), body)
        parameters = decode("sagemaker-runtime", operation, wire)
        validate("sagemaker-runtime", operation, parameters)
        stream = action == "invocations-response-stream"
        name = parameters["EndpointName"]
        invocation = self._prepare(caller, name, request.headers, body, stream=stream)
        return await self._measured(request, invocation, started)

    def _prepare(
        self, caller: Caller, name: str, headers: Mapping[str, str], body: bytes, *, stream: bool
    ) -> Invocation:
        endpoint = self._table.find((caller.account, caller.region, name))
        if endpoint is None or endpoint.status not in SERVING or not endpoint.variants:
            raise not_found(caller.account, name)
        variant = self._variant(endpoint, headers.get("X-Amzn-SageMaker-Target-Variant"))
        _check_targets(endpoint, variant, headers)
        return Invocation(
            endpoint, variant, container_headers(headers, stream=stream), body, stream
        )

    def _variant(self, endpoint: EndpointRoute, wanted: str | None) -> Variant:
        if wanted is None:
            return self._table.choose_variant(endpoint)
        for variant in endpoint.variants:
            if variant.name == wanted:
                return variant
        message = f"Could not find variant {wanted} for endpoint {endpoint.name}."
        raise AWSError("ValidationError", message)

    async def _measured(
        self, request: web.BaseRequest, invocation: Invocation, started: float
    ) -> web.StreamResponse:
        status = 500
        try:
            reached("gateway.asked")
            async with exchange(self._client, self._table, invocation) as answer:
                await answer.require_success()
                reached("gateway.answered")
                if invocation.stream:
                    response = await _stream_events(request, invocation, answer)
                else:
                    response = await _pass_on(request, invocation, answer)
            status = response.status
            return response
        except AWSError as error:
            original = error.fields.get("OriginalStatusCode")
            status = original if original else 500
            raise
        finally:
            self._record(invocation, status, started)

    def _record(self, invocation: Invocation, status: int, started: float) -> None:
        now = asyncio.get_running_loop().time()
        model = None
        if invocation.sent is not None:
            model = (invocation.answered or now) - invocation.sent
        self._metrics.record(
            invocation.endpoint.key, invocation.variant.name, status, model, now - started
        )


def _operation(request: web.BaseRequest) -> str | None:
    """Return the operation a request is for, or None for none of ours."""
    match = _ROUTE.fullmatch(request.raw_path.partition("?")[0])
    return _OPERATIONS[match.group(2)] if match else None


async def _read_body(request: web.BaseRequest) -> bytes:
    """Read the whole body: its hash is signed, so nothing may act on it before its end."""
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        raise too_large(BODY_LIMIT)
    body = request.content.read_nowait()
    if request.content.at_eof():  # it came with the headers, as short ones do
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_rest(request, body)
    except TimeoutError:
        message = f"The request body did not arrive within {BODY_SECONDS:g} s."
        raise AWSError("RequestTimeout", message, status=408) from None


async def _read_rest(request: web.BaseRequest, begun: bytes) -> bytes:
    body = bytearray(begun)
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise too_large(BODY_LIMIT)
    return bytes(body)


async def _pass_on(
    request: web.BaseRequest, invocation: Invocation, answer: Exchange
) -> web.StreamResponse:
    """Answer with what the container answers, streaming once it is long."""
    headers = client_headers(answer.response, invocation.variant, stream=False)
    headers["x-amzn-RequestId"] = str(uuid.uuid4())
    head, complete = await answer.head()
    if complete:
        return web.Response(body=head, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = _content_length(answer.response.headers)
    await response.prepare(request)
    await _write(request, response, head)
    try:
        while chunk := await answer.read():
            await _write(request, response, chunk)
    except AWSError as error:
        # The status line is out; only a broken connection can still tell the truth.
        log.warning("%s: %s", invocation.endpoint.name, error)
        raise ConnectionError(error.message) from None
    return response


def _content_length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("Content-Length")
    return None if length is None else int(length)


async def _stream_events(
    request: web.BaseRequest, invocation: Invocation, answer: Exchange
) -> web.StreamResponse:
    """Answer with an event stream of ``PayloadPart``, ended by an exception if it breaks."""
    headers = client_headers(answer.response, invocation.variant, stream=True)
    headers["x-amzn-RequestId"] = str(uuid.uuid4())
    headers["Content-Type"] = CONTENT_TYPE
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        while chunk := await answer.read():
            event = encode_event(_STREAM, "PayloadPart", {"Bytes": chunk})
            await _write(request, response, event)
    except AWSError as error:
        code = "ModelInvocationTimeExceeded" if answer.late else "StreamBroken"
        broken = AWSError("ModelStreamError", error.message, fields={"ErrorCode": code})
        await response.write(encode_exception(_STREAM, broken))
    await response.write_eof()
    return response


async def _write(request: web.BaseRequest, response: web.StreamResponse, data: bytes) -> None:
    """Send bytes to a client that reads; one that does not must not occupy a container."""
    try:
        async with asyncio.timeout(READER_SECONDS):
            await response.write(data)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read") from None


def _refuse_browsers(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.lower() in ("origin", "cookie") or name.lower().startswith("sec-fetch-"):
            message = (
                f"Requests with the header {name} are refused: this endpoint is not for pages."
            )
            raise AWSError("AccessDeniedException", message, status=403)


def _check_targets(endpoint: EndpointRoute, variant: Variant, headers: Mapping[str, str]) -> None:
    """Refuse targets this kind of endpoint does not have."""
    if "X-Amzn-SageMaker-Target-Model" in headers:
        message = (
            "Invocation request may not contain TargetModel header to a single model endpoint."
        )
        raise AWSError("ValidationError", message)
    if "X-Amzn-SageMaker-Inference-Component" in headers:
        message = f"Endpoint {endpoint.name} has no inference components."
        raise AWSError("ValidationError", message)
    container = headers.get("X-Amzn-SageMaker-Target-Container-Hostname")
    if container is not None and container != variant.container:
        message = (
            f"Variant {variant.name} of endpoint {endpoint.name} has no container {container}."
        )
        raise AWSError("ValidationError", message)
