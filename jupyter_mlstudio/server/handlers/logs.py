"""Whole logs as text files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...wire.errors import AWSError, validation_error
from ..documents import dumps, error_document
from .base import NAME, Document, StudioHandler

_PLACES = {
    "TrainingJob": ("/aws/sagemaker/TrainingJobs", "{name}/"),
    "ProcessingJob": ("/aws/sagemaker/ProcessingJobs", "{name}/"),
    "Endpoint": ("/aws/sagemaker/Endpoints/{name}", ""),
}
"""Group of the logs of a kind of resource, and what the names of its streams start with."""

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class LogHandler(StudioHandler):
    """The log of a resource, from its first line to its last."""

    @web.authenticated
    @authorized
    async def get(self, kind: str, name: str) -> None:
        """Send it page by page: all hosts by time, or the streams that ``stream`` names."""
        try:
            request = self._request(kind, name)
            page = await self.studio.call("logs", "FilterLogEvents", request)
        except AWSError as error:
            self.set_status(error.status or HTTPStatus.BAD_REQUEST)
            await self.finish(dumps(error_document(error)))
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header(
            "Content-Disposition", f'attachment; filename="{_UNSAFE.sub("-", name)}.log"'
        )
        while True:
            self.write("".join(map(_line, page["events"])))
            # Resolves when the browser took it: a slow one holds no pages here.
            await self.flush()
            if "nextToken" not in page:
                break
            following = {**request, "nextToken": page["nextToken"]}
            try:
                page = await self.studio.call("logs", "FilterLogEvents", following)
            except AWSError as error:
                # The status was sent long ago.
                self.write(f"[The rest of the log could not be read: {error.message}]\n")
                break
        await self.finish()

    def _request(self, kind: str, name: str) -> Document:
        if kind not in _PLACES:
            raise validation_error(f"There are no logs of a {kind}")
        group, prefix = (place.format(name=name) for place in _PLACES[kind])
        streams = self.get_query_arguments("stream")
        where = {"logStreamNames": streams} if streams else {"logStreamNamePrefix": prefix}
        return {"logGroupName": group, **({} if where == {"logStreamNamePrefix": ""} else where)}


def _line(event: dict[str, Any]) -> str:
    time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{stamp} {event['logStreamName'].rpartition('/')[2]} {event['message']}\n"


default_handlers = [(rf"/mlstudio/logs/([A-Za-z]+)/{NAME}", LogHandler)]
