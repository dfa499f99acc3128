"""Trial components, as panels show them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TypeGuard

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...wire.errors import AWSError, validation_error
from ..connection import StudioConnection
from ..documents import dumps, error_document
from ..points import WRITERS, Writer, pages
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


class RunPointsHandler(StudioHandler):
    """All points of runs, as a file."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Write it while it is read: what goes wrong in the middle ends the connection.

        The body names ``runs``, the ``format`` (csv or parquet), and maybe ``metrics``.
        """
        try:
            runs, metrics, writer = self._wanted()
            found = pages(self.studio, runs, metrics)
            first = await anext(found)
        except AWSError as error:
            self.set_status(error.status or HTTPStatus.BAD_REQUEST)
            await self.finish(dumps(error_document(error)))
            return
        self.set_header("Content-Type", writer.media_type)
        self.write(writer.write(first))
        await self.flush()
        async for page in found:
            self.write(writer.write(page))
            await self.flush()
        await self.finish(writer.close())

    def _wanted(self) -> tuple[list[str], list[str] | None, Writer]:
        try:
            document = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise validation_error(f"The body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise validation_error("The body is not a JSON object")
        runs = document.get("runs")
        if not _is_names(runs):
            raise validation_error("runs must be a list of names of trial components")
        metrics = document.get("metrics")
        if not (metrics is None or _is_names(metrics)):
            raise validation_error("metrics must be a list of names of metrics")
        kind = document.get("format", "csv")
        if not isinstance(kind, str) or kind not in WRITERS:
            raise validation_error(f"format must be one of {', '.join(WRITERS)}")
        return runs, metrics, WRITERS[kind]()


def _is_names(value: object) -> TypeGuard[list[str]]:
    return bool(value) and isinstance(value, list) and all(isinstance(v, str) for v in value)


default_handlers = [
    (r"/mlstudio/experiments", ExperimentsHandler),
    (r"/mlstudio/experiments/points", RunPointsHandler),
]
