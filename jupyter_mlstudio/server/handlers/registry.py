"""The model registry, as panels show it."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..client import gather
from ..connection import StudioConnection
from .base import Document, StudioHandler, answers


async def list_groups(studio: StudioConnection, page: Document) -> Document:
    """Return a page of model package groups, latest first, each with its latest version."""
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", **page}
    answer = await studio.call("sagemaker", "ListModelPackageGroups", request)

    async def row(group: Document) -> Document:
        latest = {
            "ModelPackageGroupName": group["ModelPackageGroupName"],
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": 1,
        }
        packages = await studio.call("sagemaker", "ListModelPackages", latest)
        summaries = packages["ModelPackageSummaryList"]
        return {**group, "LatestModelPackage": summaries[0] if summaries else None}

    items = await gather([row(group) for group in answer["ModelPackageGroupSummaryList"]])
    return {"items": items, "nextToken": answer.get("NextToken")}


class RegistryHandler(StudioHandler):
    """All model package groups."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """List a page."""
        return await list_groups(self.studio, self.page())


default_handlers = [(r"/mlstudio/registry", RegistryHandler)]
