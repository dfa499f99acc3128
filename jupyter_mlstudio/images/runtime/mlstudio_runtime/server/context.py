"""What a function of the user's that takes one argument more is given: the request around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Context:
    """The parts of TorchServe's context that inference code uses, under its names.

    ``index`` is the request's number in a batch, always 0.
    """

    def __init__(self, properties: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.system_properties = properties
        self.status = 200
        self.content_type: str | None = None
        self.headers: dict[str, str] = {}
        self._request = headers

    def get_request_header(self, index: int, key: str) -> str | None:
        """Return a header of the request, whatever its case."""
        return self._request.get(key.lower())

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """Return all headers of the request, their names in lower case."""
        return dict(self._request)

    def set_response_content_type(self, index: int, value: str) -> None:
        """Set the answer's content type."""
        self.content_type = value

    def set_response_header(self, index: int, key: str, value: str) -> None:
        """Set a header of the answer."""
        self.headers[key] = value

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status; the phrase is the usual one."""
        self.status = code
