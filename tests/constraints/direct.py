"""A studio that is asked without HTTP: a request as on the wire goes in, an answer comes out.

Nothing of it runs by itself, so that whatever changes was changed by a request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.serialize import create_serializer
from sqlalchemy import select

from jupyter_mlstudio.core.schema import metadata
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.studio import capabilities
from jupyter_mlstudio.wire.dispatch import Dispatcher
from jupyter_mlstudio.wire.request import WireRequest
from jupyter_mlstudio.wire.services import SIGNING_NAMES, operation_model, service_model
from tests.core.fake_engine import FakeEngine

from .shapes import Wrong

ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as a client reads it; ``code`` and ``message`` of an error, else empty."""

    status: int
    code: str
    message: str
    body: bytes

    @property
    def document(self) -> Any:
        """The body of a JSON answer."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message[:200] or self.body[:200]!r}"


class Direct:
    """A studio over its own root."""

    def __init__(self, root: Path) -> None:
        capabilities.load()
        self.root = root
        self.settings = load_settings(root, account=ACCOUNT)
        self.studio = Studio(self.settings, FakeEngine())  # type: ignore[arg-type]
        self._dispatcher = Dispatcher(self.studio, self.studio.keys, ACCOUNT, REGION)
        user = self.studio.keys.user_key(ACCOUNT, self.settings.user_arn)
        self._credentials = Credentials(user.access_key, user.secret_key)
        self._watching = sqlite3.connect(self.settings.database_file, isolation_level=None)

    def close(self) -> None:
        """Let go of the database."""
        self._watching.close()
        self.studio.close()

    def ask(self, service: str, operation: str, value: Any, protocol: str | None = None) -> Reply:
        """Send the parameters of an operation, whatever they are."""
        protocol = protocol or service_model(service).metadata["protocol"]
        return self.send(service, *on_wire(service, operation, value, protocol))

    def send(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> Reply:
        """Sign a request and return the answer."""
        request = AWSRequest(method, f"http://h{target}", headers, body)
        SigV4Auth(self._credentials, SIGNING_NAMES[service], REGION).add_auth(request)
        sent = {**dict(request.headers.items()), "Host": "h"}
        answer = self._dispatcher.answer(WireRequest.of(method, target, sent, body))
        return reply(answer.response.status, answer.response.headers, bytes(answer.response.body))

    def revision(self) -> int:
        """Return a number that is another after every commit to the database."""
        return int(self._watching.execute("PRAGMA data_version").fetchone()[0])

    def state(self) -> dict[str, Any]:
        """Return everything that is kept: rows of all tables, and files with their bytes."""
        kept: dict[str, Any] = {}
        with self.studio.database.read() as connection:
            for table in metadata.sorted_tables:
                kept[table.name] = [tuple(row) for row in connection.execute(select(table))]
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.name.startswith(self.settings.database_file.name):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                kept[str(path.relative_to(self.root))] = digest
        return kept


def on_wire(
    service: str, operation: str, value: Any, protocol: str
) -> tuple[str, str, dict[str, str], bytes]:
    """Return method, target, headers and body of a request in a protocol."""
    model = operation_model(service, operation)
    metadata_ = service_model(service).metadata
    if protocol == "json":
        headers = {
            "Content-Type": f"application/x-amz-json-{metadata_.get('jsonVersion', '1.1')}",
            "X-Amz-Target": f"{metadata_['targetPrefix']}.{operation}",
        }
        return "POST", "/", headers, as_json(value)
    if protocol == "rest-json":
        headers = {"Content-Type": "application/json"}
        return model.http["method"], model.http["requestUri"], headers, as_json(value)
    if protocol == "smithy-rpc-v2-cbor":
        headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        target = f"/service/{metadata_['targetPrefix']}/operation/{operation}"
        return "POST", target, headers, as_cbor(value)
    made = create_serializer(protocol, include_validation=False).serialize_to_request(value, model)
    headers = {k: str(v) for k, v in made["headers"].items()}
    return made["method"], made["url_path"], headers, urlencode(made["body"]).encode()


def as_json(value: Any) -> bytes:
    """Return the JSON of parameters."""
    return json.dumps(value, default=_plain).encode()


def _plain(value: object) -> Any:
    match value:
        case Wrong():
            return value.json
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
    raise TypeError(value)


def as_cbor(value: Any) -> bytes:
    """Return the CBOR of parameters."""

    def default(encoder: cbor2.CBOREncoder, found: Any) -> None:
        assert isinstance(found, Wrong)
        encoder.encode(found.json)

    return cbor2.dumps(value, default=default, datetime_as_timestamp=True, timezone=UTC)


def reply(status: int, headers: dict[str, str], body: bytes) -> Reply:
    """Read an answer as the client of its protocol would."""
    if status < 300:
        return Reply(status, "", "", body)
    kind = headers.get("Content-Type", "")
    if "xml" in kind:
        root = ElementTree.fromstring(body)  # noqa: S314 - what the studio itself wrote
        found = {node.tag.rpartition("}")[2]: node.text or "" for node in root.iter()}
        return Reply(status, found["Code"], found["Message"], body)
    document = cbor2.loads(body) if "cbor" in kind else json.loads(body)
    message = document.get("message", document.get("Message", ""))
    code = document["__type"].rpartition("#")[2]
    old = headers.get("x-amzn-query-error")
    return Reply(status, old.partition(";")[0] if old else code, message, body)
