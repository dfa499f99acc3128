"""HTTP/1.1 on a socket: reading requests, writing answers, keeping the connection open.

Only what SageMaker's container contract needs, and nothing per request that is not needed: a
thread a connection, one read and one write for a usual request.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

_MAX_HEAD = 64 * 1024
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower case; ``path`` is without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. A ``body`` that is not bytes is streamed in chunks as it comes."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class BadRequest(Exception):
    """The bytes on the wire are not a request we take; the connection ends after the answer."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.response = Response(status, message.encode(), "text/plain")


class Connection:
    """A client's connection.

    Parameters
    ----------
    limit:
        Largest body taken, in bytes; 0 means any.
    """

    def __init__(self, client: socket.socket, limit: int) -> None:
        self._socket = client
        self._limit = limit
        self._buffer = bytearray()

    def receive(self) -> Request | None:
        """Return the next request, or None when the client has closed the connection.

        Raises
        ------
        BadRequest
            The request is malformed or too large.
        """
        head = self._read_head()
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        try:
            method, target, version = first.split(" ")
        except ValueError:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed request line") from None
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed header")
            headers[name.lower()] = value.strip()
        if version != "HTTP/1.1":
            headers.setdefault("connection", "close")
        return Request(method, target.partition("?")[0], headers, self._read_body(headers))

    def send(self, response: Response, *, close: bool = False) -> None:
        """Write an answer."""
        body = response.body
        lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, '')}"]
        if response.content_type:
            lines.append(f"Content-Type: {response.content_type}")
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if close:
            lines.append("Connection: close")
        if not isinstance(body, bytes):
            self._stream(lines, body)
            return
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(body)}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _stream(self, lines: list[str], chunks: Iterable[bytes]) -> None:
        head = "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""])
        self._socket.sendall(head.encode("latin-1"))
        for chunk in chunks:
            if chunk:
                self._socket.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self._socket.sendall(b"0\r\n\r\n")

    def _read_head(self) -> bytes | None:
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 3)
            if searched > _MAX_HEAD:
                break
            if not self._fill():
                return None
        if max(end, searched) > _MAX_HEAD:
            raise BadRequest(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large"
            )
        return self._take(end + 4)[:-4]

    def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("expect", "").lower() == "100-continue":
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        coding = headers.get("transfer-encoding", "").lower()
        if coding == "chunked":
            return self._read_chunks()
        if coding:
            raise BadRequest(HTTPStatus.NOT_IMPLEMENTED, f"transfer coding {coding} is not known")
        return self._read_exactly(self._size(headers.get("content-length", "0"), 10))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := self._size(self._read_line().partition(b";")[0].decode("latin-1"), 16):
            self._check_size(len(body) + size)
            body += self._read_exactly(size)
            if self._read_line():
                raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed chunk")
        while self._read_line():
            pass
        return bytes(body)

    def _size(self, text: str, base: int) -> int:
        try:
            size = int(text.strip(), base)
        except ValueError:
            size = -1
        if size < 0 or not text.strip().isalnum():
            raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed length")
        self._check_size(size)
        return size

    def _check_size(self, size: int) -> None:
        if self._limit and size > self._limit:
            raise BadRequest(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is larger than {self._limit} bytes",
            )

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD or not self._fill():
                raise BadRequest(HTTPStatus.BAD_REQUEST, "malformed chunk")
        return self._take(end + 2)[:-2]

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise BadRequest(HTTPStatus.BAD_REQUEST, "the body is cut short")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self) -> bool:
        data = self._socket.recv(_CHUNK)
        self._buffer += data
        return bool(data)


_REASONS = {status.value: status.phrase for status in HTTPStatus}
