"""Files of this Jupyter server that go to S3: training scripts, data."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...wire.errors import AWSError, validation_error
from ..client import gather
from ..objects.sending import files_below, join, send
from ..objects.sources import send_source
from .base import NAME, Document, StudioHandler, answers

GONE = AWSError("RequestCanceled", "The browser has gone; nothing more is sent.", status=499)


class _SendingHandler(StudioHandler):
    """Something that ends when the browser goes away."""

    _work: asyncio.Task[Document] | None = None

    async def run(self, work: Coroutine[Any, Any, Document]) -> Document:
        """Do something long."""
        self._work = asyncio.create_task(work)
        try:
            return await self._work
        except asyncio.CancelledError:
            raise GONE from None

    def on_connection_close(self) -> None:
        """End what was begun."""
        if self._work is not None:
            self._work.cancel()
        super().on_connection_close()


class SourceHandler(_SendingHandler):
    """Training scripts."""

    @web.authenticated
    @authorized
    @answers
    async def post(self) -> Document:
        """Pack the script at ``path`` and send it below ``prefix`` of ``bucket``."""
        wish = self.document()
        bucket, prefix = _texts(wish, "bucket", "prefix")
        script = await self.local_path(wish.get("path"))
        folder = wish.get("folder") is True
        work = send_source(self.studio, script, folder=folder, bucket=bucket, prefix=prefix)
        return await self.run(work)


class FilesHandler(_SendingHandler):
    """Files and folders for the S3 browser."""

    @web.authenticated
    @authorized
    @answers
    async def post(self, bucket: str) -> Document:
        """Send the file or folder at ``path`` below ``prefix`` of the bucket."""
        wish = self.document()
        [prefix] = _texts(wish, "prefix")
        path = await self.local_path(wish.get("path"))
        return await self.run(self._send(bucket, prefix, path))

    async def _send(self, bucket: str, prefix: str, path: Path) -> Document:
        files = await asyncio.to_thread(files_below, path)
        targets = [(file, join(prefix, file.name)) for file in files]
        sent = await gather([send(self.studio, file.path, bucket, key) for file, key in targets], 4)
        return {"files": len(sent), "bytes": sum(sent)}


def _texts(wish: Document, *names: str) -> list[str]:
    found = [wish.get(name, "") for name in names]
    if not all(isinstance(text, str) for text in found):
        raise validation_error(f"{' and '.join(names)} must be text.")
    return found


default_handlers = [
    (r"/mlstudio/sources", SourceHandler),
    (rf"/mlstudio/s3/{NAME}/files", FilesHandler),
]
