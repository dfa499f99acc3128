"""Requests over a socket, signed, and otherwise exactly as they are given."""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Headers = dict[str, str]


@dataclass
class Client:
    """One connection to a server at ``url``; ``service`` is what requests are signed for."""

    url: str
    credentials: Credentials
    service: str
    region: str = "us-east-1"
    _connection: HTTPConnection | None = field(default=None, init=False)

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    def signed(self, method: str, target: str, headers: Headers, body: bytes = b"") -> Headers:
        """Return the headers of a signed request."""
        request = AWSRequest(method, self.url + target, headers, body)
        request.context["payload_signing_enabled"] = True
        signer = S3SigV4Auth if self.service == "s3" else SigV4Auth
        signer(self.credentials, self.service, self.region).add_auth(request)
        return {"Host": self.netloc, **dict(request.headers.items())}

    def ask(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes = b"",
        unsigned: dict[str, bytes] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request, with headers that are not signed added; return status, headers, body."""
        if self._connection is None:
            self._connection = HTTPConnection(self.netloc, timeout=30)
        connection = self._connection
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in self.signed(method, target, headers, body).items():
            connection.putheader(name, value.encode())
        for name, raw in (unsigned or {}).items():
            connection.putheader(name, raw)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.status, dict(response.headers.items()), response.read()
        if response.will_close:
            self.close()
        return answer

    def bytes(self, data: bytes, *, method: str = "GET") -> tuple[int, bytes]:
        """Send bytes on a connection of their own; return the status and body of the first answer.

        The status is 0 where the connection was closed without an answer.
        """
        host, port = self.netloc.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(data)
            response = HTTPResponse(connection, method=method)
            try:
                response.begin()
                return response.status, response.read()
            except OSError:
                return 0, b""

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def md5(body: bytes) -> str:
    """Return the ``Content-MD5`` of a body."""
    return base64.b64encode(hashlib.md5(body).digest()).decode()  # noqa: S324 - S3's checksum


def head(method: str, target: str, headers: Headers, *more: str) -> bytes:
    """Return the head of a request, with further lines as they are."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), *more]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
