"""Trial components, as panels show them."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..connection import StudioConnection
from .base import Document, StudioHandler, answers


async def list_trial_components(studio: StudioConnection, page: Document) -> Document:
    """Return a page of trial components, latest first."""
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", **page}
    answer = await studio.call("sagemaker", "ListTrialComponents", request)
    items = answer["TrialComponentSummaries"]
    return {"items": items, "nextToken": answer.get("NextToken")}


class ExperimentsHandler(StudioHandler):
    """All trial components."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """List a page."""
        return await list_trial_components(self.studio, self.page())


default_handlers = [(r"/mlstudio/experiments", ExperimentsHandler)]
