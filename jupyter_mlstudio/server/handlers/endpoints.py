"""Endpoints, as panels show them."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..client import gather
from ..connection import StudioConnection
from .base import NAME, Document, StudioHandler, answers


async def list_endpoints(studio: StudioConnection, page: Document) -> Document:
    """Return a page of described endpoints, latest first."""
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", **page}
    answer = await studio.call("sagemaker", "ListEndpoints", request)
    names = [{"EndpointName": summary["EndpointName"]} for summary in answer["Endpoints"]]
    items = await gather([studio.call("sagemaker", "DescribeEndpoint", name) for name in names])
    return {"items": items, "nextToken": answer.get("NextToken")}


async def endpoint(studio: StudioConnection, name: str) -> Document:
    """Return the description of one endpoint."""
    described = await studio.call("sagemaker", "DescribeEndpoint", {"EndpointName": name})
    return {"endpoint": described}


class EndpointsHandler(StudioHandler):
    """All endpoints."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """List a page."""
        return await list_endpoints(self.studio, self.page())


class EndpointHandler(StudioHandler):
    """One endpoint."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, name: str) -> Document:
        """Describe it."""
        return await endpoint(self.studio, name)


default_handlers = [
    (r"/mlstudio/endpoints", EndpointsHandler),
    (rf"/mlstudio/endpoints/{NAME}", EndpointHandler),
]
