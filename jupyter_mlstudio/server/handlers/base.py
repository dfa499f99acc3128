"""What the handlers share."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.contents.fileio import FileManagerMixin
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from ...wire.errors import AWSError, validation_error
from ..connection import StudioConnection
from ..documents import dumps, error_document

SETTING = "mlstudio"
"""Key of the studio connection in the web application's settings."""

NAME = r"([^/]+)"
"""A path segment; tornado decodes it."""

MAX_PAGE = 100


Document = dict[str, Any]


class StudioHandler(APIHandler):
    """A handler that answers with JSON, also when something goes wrong."""

    auth_resource = "mlstudio"
    # Panels poll: that is no sign of a user at work.
    _track_activity = False

    @property
    def studio(self) -> StudioConnection:
        """The way to the studio."""
        connection: StudioConnection = self.settings[SETTING]
        return connection

    def page(self, size: int = 25) -> dict[str, Any]:
        """Return ``MaxResults`` and ``NextToken`` as the query asks for them."""
        text = self.get_query_argument("maxResults", str(size))
        if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= MAX_PAGE:
            raise validation_error(f"maxResults must be a number from 1 to {MAX_PAGE}")
        params: dict[str, Any] = {"MaxResults": int(text)}
        token = self.get_query_argument("nextToken", "")
        return {**params, "NextToken": token} if token else params

    def exact(self, name: str) -> str:
        """Return a query argument as it is: tornado changes characters that a key may have."""
        found = self.request.query_arguments.get(name, [b""])[-1]
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            raise validation_error(f"{name} is not UTF-8") from error

    def document(self) -> Document:
        """Return the JSON object in the body."""
        try:
            document = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise validation_error(f"The body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise validation_error("The body is not a JSON object")
        return document

    async def local_path(self, path: object) -> Path:
        """Return where a file or folder of this Jupyter server lies on its disk.

        Raises
        ------
        AWSError
            ``path`` leads nowhere that the user may see, or files are not kept on a disk.
        """
        manager = self.contents_manager
        if not isinstance(manager, FileManagerMixin):
            raise AWSError(
                "UnsupportedOperation",
                "This Jupyter server does not keep its files on its own disk. Upload them "
                "from your computer.",
                status=501,
            )
        if not isinstance(path, str) or not path.strip("/"):
            raise validation_error("path must be the path of a file or folder.")
        # Jupyter Server has no types here, and no public way to the path on the disk.
        hidden = await ensure_async(manager.is_hidden(path))  # type: ignore[no-untyped-call]
        if hidden and not manager.allow_hidden:
            raise validation_error(f"There is no file or folder {path}.")
        return Path(manager._get_os_path(path.strip("/")))  # type: ignore[no-untyped-call]

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 - tornado's
        """Say as JSON what tornado or Jupyter refused."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        phrase = HTTPStatus(status_code).phrase
        reason = error.log_message if isinstance(error, HTTPError) else "Internal error"
        self.finish(dumps(error_document(AWSError(phrase.replace(" ", ""), reason or phrase))))


def answers(
    verb: Callable[..., Awaitable[Document]],
) -> Callable[..., Awaitable[None]]:
    """Send the document a verb returns, or the AWS error it raises."""

    @functools.wraps(verb)
    async def method(self: StudioHandler, *args: str) -> None:
        try:
            document = await verb(self, *args)
        except AWSError as error:
            self.set_status(error.status or HTTPStatus.BAD_REQUEST)
            document = error_document(error)
        await self.finish(dumps(document))

    return method
