"""A request for every operation of every service, as botocore sends it but for the signature."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.serialize
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_mlstudio.wire.services import SERVICES, service_model

STANDING = "standing-in"
"""The value of every parameter that is part of a path."""
_VALUES = {"string": STANDING, "integer": 1, "long": 1, "timestamp": "2026-11-22T00:00:00Z"}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and a request for it, with nothing in it but what tells it from others."""

    service: str
    name: str
    signing_name: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def operations() -> Iterator[Operation]:
    """Yield every operation of the services that the studio knows."""
    for service in SERVICES:
        model = service_model(service)
        serializer = botocore.serialize.create_serializer(
            model.metadata["protocol"], include_validation=False
        )
        for name in model.operation_names:
            operation = model.operation_model(name)
            raw = serializer.serialize_to_request(_told(operation.input_shape), operation)
            yield Operation(
                service,
                name,
                model.signing_name,
                raw["method"],
                raw["url_path"] + _query(raw["url_path"], raw["query_string"]),
                {k: str(v) for k, v in raw["headers"].items()},
                _bytes(raw["body"]),
            )


def _told(shape: Any) -> dict[str, Any]:
    """Return parameters for all that tells which operation a request is for."""
    found: dict[str, Any] = {}
    for name, member in shape.members.items() if shape else ():
        where = member.serialization.get("location")
        needed = name in shape.required_members and where in ("header", "querystring")
        if where == "uri" or member.serialization.get("hostLabel"):
            found[name] = STANDING
        elif needed and member.type_name in _VALUES:
            found[name] = (
                member.enum[0] if getattr(member, "enum", None) else _VALUES[member.type_name]
            )
    return found


def _query(path: str, query: Mapping[str, str] | str) -> str:
    if isinstance(query, str):
        text = query
    else:
        text = "&".join(f"{quote(k, safe='')}={quote(str(v), safe='')}" for k, v in query.items())
    if not text:
        return ""
    return ("&" if "?" in path else "?") + text


def _bytes(body: Any) -> bytes:
    if isinstance(body, dict):
        return "&".join(f"{k}={quote(str(v), safe='')}" for k, v in body.items()).encode()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


class Server:
    """One connection to a listener; made again where the other side closes it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def ask(
        self,
        operation: Operation,
        credentials: Credentials | None = None,
        region: str = "us-east-1",
        **headers: str,
    ) -> tuple[int, str]:
        """Return status and text of the answer; signed where there are credentials."""
        given = {**operation.headers, **headers}
        if operation.service == "s3":
            given["X-Amz-Content-SHA256"] = hashlib.sha256(operation.body).hexdigest()
        if credentials is not None:
            request = AWSRequest(operation.method, self.url + operation.path, given, operation.body)
            SigV4Auth(credentials, operation.signing_name, region).add_auth(request)
            given = dict(request.headers.items())
        for last in (False, True):
            try:
                self._connection.request(
                    operation.method, operation.path, operation.body, headers=given
                )
                with self._connection.getresponse() as answer:
                    return answer.status, answer.read().decode("utf-8", "replace")
            except (http.client.RemoteDisconnected, ConnectionError):
                self._connection.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
