"""The wire behind an aiohttp server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from .dispatch import MAX_BODY, Answer, Dispatcher, too_large, too_slow
from .errors import AWSError
from .keys import KeyRing
from .operation import Handler, handlers
from .request import WireRequest
from .routing import match_path
from .services import by_signing_name
from .sigv4 import signed_service

access_log = logging.getLogger("jupyter_mlstudio.access")

Forward = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_SECONDS = 60.0
"""How long a body may take to arrive."""
IDLE_SECONDS = 65.0
"""How long a connection may be idle, or take for its headers."""
LINGER_SECONDS = 10.0
"""How long the rest of a refused body is read, so that its sender comes to read the refusal."""

_BROWSER_HEADERS = ("Origin", "Cookie")
_BROWSER_PREFIX = "sec-fetch-"


def make_app(
    app: Any,  # noqa: ANN401 - whatever the operations expect
    keys: KeyRing,
    *,
    account: str,
    default_region: str,
    fallback: Forward | None = None,
    s3: Forward | None = None,
    max_body: int = MAX_BODY,
    workers: int = 32,
    table: Mapping[tuple[str, str], Handler] | None = None,
) -> web.Application:
    """Return a web application that answers for every AWS service with registered operations.

    Routes added to it before it starts keep their paths; everything else is AWS. Serve it with
    :func:`make_runner`.

    Parameters
    ----------
    app:
        What operations find as ``call.app``.
    account, default_region:
        See :class:`.dispatch.Dispatcher`.
    fallback:
        Answers requests for sagemaker-runtime; their body is unread and their signature unchecked.
    s3:
        The same for requests signed for S3.
    max_body:
        Bytes a body may have; more is answered with 413.
    workers:
        Threads that run operations.
    table:
        The operations; by default all that are registered.
    """
    operations = handlers() if table is None else table
    dispatcher = Dispatcher(app, keys, account, default_region, max_body, operations)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="operation")

    @web.middleware
    async def serve(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            return await handler(request)
        started = time.perf_counter()
        unread = wire_request(request, None)
        if is_browser(request):
            refusal = AWSError("AccessDenied", "Browsers may not call this endpoint.", status=403)
            answer = dispatcher.refuse(unread, refusal)
        else:
            forward = _forward(unread, fallback, s3)
            if forward is not None:
                return await forward(request)
            answer = await _answer(request, unread, dispatcher, pool)
        response = await _send(request, answer, pool)
        _log(unread, answer, time.perf_counter() - started)
        return response

    async def close(_: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    application = web.Application(middlewares=[serve], client_max_size=max_body)
    application.on_cleanup.append(close)
    return application


def make_runner(application: web.Application) -> web.AppRunner:
    """Return a runner with the settings AWS clients need.

    Signatures and checksums are over bodies as sent, so aiohttp must not decompress them; and it
    must not log requests itself, whose queries may hold signatures.
    """
    return web.AppRunner(
        application,
        auto_decompress=False,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=LINGER_SECONDS,
    )


def wire_request(request: web.Request, body: bytes | None) -> WireRequest:
    """Return an aiohttp request as the wire sees it."""
    target = request.raw_path
    if target.startswith(("http://", "https://")):
        target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
    path, _, query = target.partition("?")
    return WireRequest(request.method, path, query, request.headers, body)


def is_browser(request: web.Request) -> bool:
    """Whether a web page sent the request: no AWS client does, so it is someone else's page."""
    return any(name in request.headers for name in _BROWSER_HEADERS) or any(
        name.lower().startswith(_BROWSER_PREFIX) for name in request.headers
    )


async def _answer(
    request: web.Request,
    unread: WireRequest,
    dispatcher: Dispatcher[Any],
    pool: ThreadPoolExecutor,
) -> Answer:
    # Who holds no key makes us read and keep nothing.
    refused = dispatcher.screen(unread)
    if refused is not None:
        return refused
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return dispatcher.refuse(unread, too_large(dispatcher.max_body))
    except TimeoutError:
        return dispatcher.refuse(unread, too_slow(BODY_SECONDS))
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, dispatcher.answer, wire_request(request, body))


async def _send(
    request: web.Request, answer: Answer, pool: ThreadPoolExecutor
) -> web.StreamResponse:
    found = answer.response
    if isinstance(found.body, (bytes, bytearray, memoryview)):
        body = bytes(found.body)
        return web.Response(status=found.status, headers=found.headers, body=body)
    response = web.StreamResponse(status=found.status, headers=found.headers)
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    chunks: Iterator[bytes] = iter(found.body)
    while (chunk := await loop.run_in_executor(pool, next, chunks, None)) is not None:
        await response.write(chunk)
    await response.write_eof()
    return response


def _forward(request: WireRequest, runtime: Forward | None, s3: Forward | None) -> Forward | None:
    if "X-Amz-Target" in request.headers:
        return None
    name = signed_service(request.query, request.headers.items())
    if name == "s3":
        return s3
    if runtime is not None and name and "sagemaker-runtime" in by_signing_name(name):
        try:
            return runtime if match_path("sagemaker-runtime", request) else None
        except AWSError:
            return None
    return None


def _log(request: WireRequest, answer: Answer, seconds: float) -> None:
    route = answer.route
    access_log.info(
        "%s %s %s %d %s %.1f ms %s %s",
        request.method,
        request.path[:500],
        f"{route.service}.{route.operation}" if route else "-",
        answer.response.status,
        answer.code or "-",
        seconds * 1000,
        answer.caller.access_key if answer.caller else "-",
        answer.request_id,
    )
