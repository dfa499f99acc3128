"""Regular expressions of users, on lines of logs: ``%ERROR [45]\\d\\d%`` in a filter pattern."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

import regex

from ..wire.errors import AWSError

_SECONDS = 0.05
_ALLOWED = 2.0
"""Seconds that an expression may take on one event, and of a processor in one request."""


def bad_pattern(what: str) -> AWSError:
    """Return the error for a filter pattern."""
    return AWSError("InvalidParameterException", f"Invalid filter pattern: {what}.")


class Expression:
    """An expression. It is made for one request.

    Parameters
    ----------
    source:
        The expression itself.
    name:
        What errors call it.
    refuse:
        Makes the error that says what is wrong with it.
    """

    def __init__(
        self,
        source: str,
        name: str,
        refuse: Callable[[str], AWSError] = bad_pattern,
        flags: int = 0,
    ) -> None:
        self._name = name
        self._refuse = refuse
        self._left = _ALLOWED
        try:
            self._pattern = regex.compile(source, flags)
        except regex.error as error:
            raise refuse(f"the expression {name!r} cannot be read: {error}") from None

    def search(self, message: str) -> bool:
        """Say whether it occurs in a message; raise when it took too long on all there were."""
        began = thread_time()
        try:
            found = self._pattern.search(message, timeout=_SECONDS, concurrent=True)
        except TimeoutError:
            found = None
        self._left -= thread_time() - began
        if self._left <= 0:
            raise self._refuse(f"the expression {self._name!r} takes too long; make it simpler")
        return found is not None
