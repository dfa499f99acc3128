"""The model registry, as panels show it."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..client import gather
from ..connection import StudioConnection
from .base import NAME, Document, StudioHandler, answers


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


async def group_versions(studio: StudioConnection, name: str, page: Document) -> Document:
    """Return a page of the versions of a group, latest first, each with its approvals."""
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", **page}
    request["ModelPackageGroupName"] = name
    answer = await studio.call("sagemaker", "ListModelPackages", request)

    async def row(package: Document) -> Document:
        arn = {"ModelPackageArn": package["ModelPackageArn"]}
        return {**package, **await studio.call("mlstudio", "ListModelApprovals", arn)}

    items = await gather([row(package) for package in answer["ModelPackageSummaryList"]])
    return {"items": items, "nextToken": answer.get("NextToken")}


class RegistryHandler(StudioHandler):
    """All model package groups."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """List a page."""
        return await list_groups(self.studio, self.page())


class GroupHandler(StudioHandler):
    """One model package group."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, name: str) -> Document:
        """List a page of its versions."""
        return await group_versions(self.studio, name, self.page())


default_handlers = [
    (r"/mlstudio/registry", RegistryHandler),
    (rf"/mlstudio/registry/{NAME}", GroupHandler),
]
