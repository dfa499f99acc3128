"""Objects of S3, as the S3 browser shows them; its other wishes go through the proxy."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...wire.errors import validation_error
from ..objects import listing
from ..preview import preview
from .base import NAME, Document, StudioHandler, answers


class FolderHandler(StudioHandler):
    """What lies below a prefix of a bucket."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, bucket: str) -> Document:
        """List a page."""
        prefix = self.exact("prefix")
        token = self.get_query_argument("nextToken", "")
        return await listing.folder(self.studio, bucket, prefix, token)


class CountHandler(StudioHandler):
    """How much lies below a prefix of a bucket."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, bucket: str) -> Document:
        """Count it."""
        prefix = self.exact("prefix")
        return await listing.count(self.studio, bucket, prefix)


class DeletionHandler(StudioHandler):
    """Objects and folders that are to go."""

    @web.authenticated
    @authorized
    @answers
    async def post(self, bucket: str) -> Document:
        """Delete ``keys`` and what is below ``prefixes``, as far as one request may."""
        wish = self.document()
        keys, prefixes = _texts(wish, "keys"), _texts(wish, "prefixes")
        return await listing.delete(self.studio, bucket, keys, prefixes)


class PreviewHandler(StudioHandler):
    """The beginning of an object."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, bucket: str) -> Document:
        """Look at it."""
        key = self.exact("key")
        return await preview(self.studio, bucket, key)


def _texts(wish: Document, name: str) -> list[str]:
    found = wish.get(name, [])
    # An empty prefix would be the whole bucket.
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise validation_error(f"{name} must be a list of texts that are not empty.")
    return found


default_handlers = [
    (rf"/mlstudio/s3/{NAME}/folder", FolderHandler),
    (rf"/mlstudio/s3/{NAME}/count", CountHandler),
    (rf"/mlstudio/s3/{NAME}/deletion", DeletionHandler),
    (rf"/mlstudio/s3/{NAME}/preview", PreviewHandler),
]
