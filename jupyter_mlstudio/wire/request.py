"""A request and a response as they stand on the wire, without any web framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request.

    Attributes
    ----------
    path:
        Still percent-encoded, as in the request line, without the query.
    query:
        Raw query string without the question mark.
    body:
        ``None`` when the body is streamed and was not read.
    """

    method: str
    path: str
    query: str
    headers: CIMultiDictProxy[str]
    body: bytes | None = field(default=b"", repr=False)

    @classmethod
    def of(
        cls,
        method: str,
        target: str,
        headers: HeaderSource,
        body: bytes | None = b"",
    ) -> WireRequest:
        """Make a request from a raw request target (path and query)."""
        path, _, query = target.partition("?")
        return cls(method, path, query, CIMultiDictProxy(CIMultiDict(headers)), body)


@dataclass(slots=True)
class WireResponse:
    """One HTTP response; ``body`` is bytes, or whatever a streaming payload was given as."""

    status: int
    headers: dict[str, str]
    body: Any = b""
