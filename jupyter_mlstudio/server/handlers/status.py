"""The studio itself: how it is, and starting it."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..client import gather
from ..connection import StudioConnection
from .base import MAX_PAGE, Document, StudioHandler, answers


async def running(studio: StudioConnection) -> Document:
    """Return how the studio is, with what runs in it: jobs in progress and endpoints in service.

    Of each the latest hundred.
    """
    latest = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": MAX_PAGE}
    status, jobs, endpoints = await gather(
        [
            studio.call("mlstudio", "GetStudioStatus", {}),
            studio.call("sagemaker", "ListTrainingJobs", {"StatusEquals": "InProgress", **latest}),
            studio.call("sagemaker", "ListEndpoints", {"StatusEquals": "InService", **latest}),
        ]
    )
    return {
        "studio": status,
        "trainingJobs": jobs["TrainingJobSummaries"],
        "endpoints": endpoints["Endpoints"],
    }


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


class RunningHandler(StudioHandler):
    """What runs in the studio."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """Ask it."""
        return await running(self.studio)


default_handlers = [
    (r"/mlstudio/running", RunningHandler),
    (r"/mlstudio/status", StatusHandler),
    (r"/mlstudio/start", StartHandler),
]
