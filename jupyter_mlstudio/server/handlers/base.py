"""What the handlers share."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from jupyter_server.base.handlers import APIHandler
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
