"""Every constraint of the invocations, to a real gateway: refused before a model hears of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from botocore.credentials import Credentials
from botocore.model import StructureShape

from jupyter_mlstudio.endpoints.routes import Variant
from jupyter_mlstudio.wire.services import operation_model
from tests.endpoints.conftest import ACCOUNT, REGION, ModelServer, RunningGateway

from .breaks import Break, Breaker
from .raw import Client
from .shapes import at, places

PATHS = {
    "InvokeEndpoint": "invocations",
    "InvokeEndpointWithResponseStream": "invocations-response-stream",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    made = ModelServer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, server: ModelServer) -> Iterator[Client]:
    gateway = RunningGateway(tmp_path_factory.mktemp("gateway") / "root")
    gateway.route(Variant("AllTraffic", (server.replica(),)))
    user = gateway.keys.user_key(ACCOUNT, gateway.settings.user_arn)
    keys = Credentials(user.access_key, user.secret_key)
    made = Client(gateway.settings.gateway_url, keys, "sagemaker", REGION)
    yield made
    made.close()
    gateway.close()


def breaks(operation: str) -> Iterator[tuple[str, Break]]:
    """Yield (member, what is wrong with it)."""
    root = operation_model("sagemaker-runtime", operation).input_shape
    assert isinstance(root, StructureShape)
    breaker = Breaker(root)
    for place in places(root):
        for each in breaker.breaks(place):
            if not each.what.startswith(("wrong type", "lone")):
                yield place[0].member or "", each
        assert at(root, place).type_name in ("string", "blob")


def invoke(client: Client, operation: str, value: dict[str, Any]) -> tuple[int, Any]:
    """Send the members of a request where they belong."""
    root = operation_model("sagemaker-runtime", operation).input_shape
    assert isinstance(root, StructureShape)
    headers = {
        root.members[name].serialization["name"]: text
        for name, text in value.items()
        if root.members[name].serialization.get("location") == "header"
    }
    target = f"/endpoints/{quote(value.get('EndpointName', 'ep'), safe='')}/{PATHS[operation]}"
    status, _, body = client.ask("POST", target, headers, value.get("Body", b"x"))
    return status, json.loads(body) if status >= 400 else body


@pytest.mark.parametrize("operation", PATHS)
def test_every_constraint(client: Client, server: ModelServer, operation: str) -> None:
    heard, wrong, tried = len(server.seen), [], 0
    for member, each in breaks(operation):
        bad = each.value[member]
        if isinstance(bad, str) and (any(c in bad for c in "\n\0") or bad != bad.strip()):
            continue  # HTTP has no place for it, or takes it away
        if (member, each.what) == ("EndpointName", "too short") or len(bad) > 100_000:
            continue
        status, document = invoke(client, operation, {"EndpointName": "ep", member: bad})
        tried += 1
        code = document.get("__type") if status >= 400 else None
        message = document.get("Message", "") if status >= 400 else ""
        if (status, code) != (400, "ValidationError") or any(t not in message for t in each.says):
            wrong.append(f"{member} {each.what}: {status} {str(document)[:200]}")
    assert not wrong, "\n".join(wrong)
    assert tried >= 15
    assert len(server.seen) == heard


@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"EndpointName": "nowhere"}, "Endpoint nowhere of account"),
        ({"TargetVariant": "none"}, "Could not find variant none"),
        ({"TargetContainerHostname": "none"}, "no container none"),
        ({"InferenceComponentName": "none"}, "has no inference components"),
        ({"Body": b""}, "at 'body' failed to satisfy constraint: Member must not be null"),
    ],
)
def test_what_is_not_there(
    client: Client, server: ModelServer, operation: str, value: dict[str, Any], says: str
) -> None:
    heard = len(server.seen)
    status, document = invoke(client, operation, {"EndpointName": "ep", **value})
    assert (status, document["__type"]) == (400, "ValidationError")
    assert says in document["Message"]
    assert len(server.seen) == heard


@pytest.mark.parametrize(
    "model", ["../../x", "/abs", "%2e%2e%2fx", "a/../../b", "..\\x", "file:///etc/passwd"]
)
def test_models_by_name_are_not_paths(client: Client, server: ModelServer, model: str) -> None:
    heard = len(server.seen)
    status, document = invoke(
        client, "InvokeEndpoint", {"EndpointName": "ep", "TargetModel": model}
    )
    assert (status, document["__type"]) == (400, "ValidationError")
    assert "TargetModel" in document["Message"]
    assert len(server.seen) == heard


@pytest.mark.parametrize("name", ["Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes"])
@pytest.mark.parametrize("raw", [b"a\xff", b"\xe9", b"\xc3\xa9", "\u2603".encode()])
def test_headers_beyond_ascii(client: Client, server: ModelServer, name: str, raw: bytes) -> None:
    heard = len(server.seen)
    status, _, body = client.ask(
        "POST", "/endpoints/ep/invocations", {}, b"x", unsigned={name: raw}
    )
    assert (status, json.loads(body)["__type"]) in (
        (400, "ValidationError"),
        (400, "SerializationException"),
    )
    assert len(server.seen) == heard
