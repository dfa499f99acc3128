"""Regular expressions in filter patterns: ``%ERROR [45]\\d\\d%``."""

from __future__ import annotations

from time import thread_time

import regex

from ..wire.errors import AWSError

_SECONDS = 0.05
_ALLOWED = 2.0
"""Seconds that an expression may take on one event, and of a processor in one request."""


class Expression:
    """An expression between percent signs. It is made for one request."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._left = _ALLOWED
        try:
            self._pattern = regex.compile(text[1:-1])
        except regex.error as error:
            raise bad_pattern(f"the expression {text!r} cannot be read: {error}") from None

    def search(self, message: str) -> bool:
        """Say whether it occurs in a message.

        Raises ``InvalidParameterException`` when it has taken too long on all there were.
        """
        began = thread_time()
        try:
            found = self._pattern.search(message, timeout=_SECONDS, concurrent=True)
        except TimeoutError:
            found = None
        self._left -= thread_time() - began
        if self._left <= 0:
            raise bad_pattern(f"the expression {self._text!r} takes too long; make it simpler")
        return found is not None


def bad_pattern(what: str) -> AWSError:
    """Return the error for a filter pattern."""
    return AWSError("InvalidParameterException", f"Invalid filter pattern: {what}.")
