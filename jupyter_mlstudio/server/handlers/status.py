"""The studio itself: how it is, and starting it."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from .base import Document, StudioHandler, answers


class StatusHandler(StudioHandler):
    """How the studio is."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """Ask it."""
        return await self.studio.call("mlstudio", "GetStudioStatus", {})


class StartHandler(StudioHandler):
    """Start the studio where it does not run."""

    @web.authenticated
    @authorized
    @answers
    async def post(self) -> Document:
        """Start it and return how it is."""
        await self.studio.start()
        return await self.studio.call("mlstudio", "GetStudioStatus", {})


default_handlers = [
    (r"/mlstudio/status", StatusHandler),
    (r"/mlstudio/start", StartHandler),
]
