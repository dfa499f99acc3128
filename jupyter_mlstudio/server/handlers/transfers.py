"""Bytes of objects on their way between browser and S3."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from ...wire.errors import AWSError, validation_error
from ..client import StoredObject, StudioUnavailable
from ..objects.sending import SECONDS, content_type
from ..preview import picture_type
from .base import NAME, Document, StudioHandler, answers

MOST_BODY = 128 << 20
"""Bytes of one part of an upload at most."""
_RANGE = re.compile(r"bytes=\d*-\d*")
_HEADERS = ("Content-Length", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges")


class ObjectHandler(StudioHandler):
    """The bytes of an object."""

    @web.authenticated
    @authorized
    async def get(self, bucket: str) -> None:
        """Send them: as a file to keep, with ``inline`` a picture to show.

        Nothing that is sent can run: a file is only kept, a picture is what its first bytes say.
        """
        inline = self.get_query_argument("inline", "") == "1"
        ranges = self.request.headers.get("Range", "")
        ranges = ranges if _RANGE.fullmatch(ranges) and not inline else ""
        await self._download(bucket, ranges, inline)

    @web.authenticated
    @authorized
    @answers
    async def post(self, bucket: str) -> Document:
        """Store the body as an object, or as a part of an upload that was begun."""
        if len(self.request.body) > MOST_BODY:
            raise validation_error(f"A part may have {MOST_BODY >> 20} MiB at most.")
        key = self.exact("key")
        upload = self.get_query_argument("uploadId", "")
        request: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": self.request.body}
        if not upload:
            described = {**request, **content_type(key)}
            answer = await self.studio.call("s3", "PutObject", described, SECONDS)
            return {"etag": answer["ETag"]}
        number = self.get_query_argument("partNumber", "")
        if not re.fullmatch(r"\d{1,5}", number):
            raise validation_error("partNumber must be a number.")
        part = {**request, "UploadId": upload, "PartNumber": int(number)}
        answer = await self.studio.call("s3", "UploadPart", part, SECONDS)
        return {"etag": answer["ETag"]}

    @answers
    async def _refuse(self, error: AWSError) -> Document:
        raise error

    async def _download(self, bucket: str, ranges: str, inline: bool) -> None:
        try:
            key = self.exact("key")
            stored = await self.studio.open(bucket, key, ranges)
        except AWSError as error:
            await self._refuse(error)
            return
        async with stored:
            try:
                await self._send(stored, key, inline)
            except StreamClosedError:
                # The browser wants no more.
                return
            except StudioUnavailable as error:
                self.log.warning("The download of s3://%s/%s broke off: %s", bucket, key, error)
                # What was announced does not come: the browser must see that.
                self.request.connection.stream.close()  # type: ignore[union-attr]

    async def _send(self, stored: StoredObject, key: str, inline: bool) -> None:
        self.set_status(stored.status)
        for name in _HEADERS:
            if name in stored.headers:
                self.set_header(name, stored.headers[name])
        self.set_header("X-Content-Type-Options", "nosniff")
        kind, first = "application/octet-stream", True
        if not inline:
            self.set_header("Content-Disposition", disposition(key))
        self.set_header("Content-Type", kind)
        async for chunk in stored.chunks():
            if first and inline:
                kind = picture_type(chunk) or kind
                self.set_header("Content-Type", kind)
            first = False
            self.write(chunk)
            await self.flush()
        await self.finish(set_content_type=kind)


def disposition(key: str) -> str:
    """Return a ``Content-Disposition`` that keeps the file under its own name, whatever it is."""
    name = key.rstrip("/").rpartition("/")[2] or "object"
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


default_handlers = [(rf"/mlstudio/s3/{NAME}/object", ObjectHandler)]
