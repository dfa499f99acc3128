"""The HTTP applications of the studio: for this machine, and for its containers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..core.database import DatabaseUnavailable
from ..core.studio import Studio
from ..wire.http import is_browser, make_app
from .forward import Forwarder

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Activity:
    """When somebody last asked for something; ``running`` requests count as now."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._running = 0

    def touch(self) -> None:
        """Note that somebody is here."""
        self._last = time.monotonic()

    def idle_for(self) -> float:
        """Return the seconds since the last request ended, 0 while one is being answered."""
        return 0.0 if self._running else time.monotonic() - self._last

    def middleware(self) -> Middleware:
        """Return the middleware that notes requests; asking for the health is none."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == "/_health":
                return await handler(request)
            self._running += 1
            try:
                return await handler(request)
            finally:
                self._running -= 1
                self.touch()

        return note


def local(
    studio: Studio, activity: Activity, health: Callable[[Studio], dict[str, object]]
) -> web.Application:
    """Return the AWS endpoint for this machine, with ``/_health`` beside it."""

    names = {studio.settings.host, "127.0.0.1", "[::1]", "localhost"}
    addresses = {f"{name}:{studio.settings.port}" for name in names}

    async def answer(request: web.Request) -> web.Response:
        # A page whose name leads to this machine (DNS rebinding) is no browser's foreign origin.
        if is_browser(request) or request.host.lower() not in addresses:
            return _refusal()
        return web.json_response(await asyncio.to_thread(health, studio))

    app = _aws(studio, activity)
    app.router.add_get("/_health", answer)
    return app


def for_containers(studio: Studio, activity: Activity) -> web.Application:
    """Return the AWS endpoint for containers, with their credentials beside it."""
    app = _aws(studio, activity)
    _add_credentials(app, studio)
    return app


def credentials_only(studio: Studio) -> web.Application:
    """Return what containers find at port 80, where relative credential URIs lead."""
    app = web.Application()
    _add_credentials(app, studio)
    return app


def _aws(studio: Studio, activity: Activity) -> web.Application:
    settings = studio.settings
    gateway = Forwarder(settings.gateway_url, "The inference gateway")
    s3 = Forwarder(settings.s3_url, "The object store")
    app = make_app(
        studio,
        studio.keys,
        account=settings.account,
        default_region=settings.region,
        fallback=gateway.forward,
        s3=s3.forward,
    )
    app.middlewares.insert(0, activity.middleware())

    async def close(_: web.Application) -> None:
        await gateway.close()
        await s3.close()

    app.on_cleanup.append(close)
    return app


def _add_credentials(app: web.Application, studio: Studio) -> None:
    async def answer(request: web.Request) -> web.Response:
        if is_browser(request):
            return _refusal()
        try:
            document = await asyncio.to_thread(studio.credentials, request.path)
        except DatabaseUnavailable as error:
            return web.json_response({"code": error.code, "message": error.message}, status=503)
        if document is None:
            return web.json_response(
                {"code": "NotFound", "message": "No such credentials"}, status=404
            )
        expiration = document["Expiration"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response(
            {**document, "Expiration": expiration}, headers={"Cache-Control": "no-store"}
        )

    app.router.add_get("/v2/credentials/{id}", answer)


def _refusal() -> web.Response:
    message = "Only programs on this machine may ask."
    return web.json_response({"code": "AccessDenied", "message": message}, status=403)
