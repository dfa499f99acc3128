"""What the gateway routes where: the document the studio writes and the gateway reads.

It is one JSON file, replaced in one step. The gateway answers with :class:`GatewayState`, from
which the studio learns when a replica has answered its last request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlstudio.core.settings import write_atomically

INVOCATION_SECONDS = 60.0
"""How long a container may take for an answer."""

STREAM_SECONDS = 480.0
"""How long a container may take for a streamed answer."""

SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "OutOfService"})
"""Statuses in which an endpoint answers, be it that none of its replicas is up now."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Replica:
    """One container that answers ``/invocations``; ``id`` is its resource-wide unique name."""

    id: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant and its healthy replicas.

    ``container`` is the hostname error messages name; ``timeout`` and ``stream_timeout`` are
    seconds; ``weight`` is relative to the other variants of the endpoint.
    """

    name: str
    replicas: tuple[Replica, ...]
    weight: float = 1.0
    container: str = "primary"
    timeout: float = INVOCATION_SECONDS
    stream_timeout: float = STREAM_SECONDS


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    """Everything the gateway knows of one endpoint."""

    account: str
    region: str
    name: str
    status: str
    log_group: str
    variants: tuple[Variant, ...]

    @property
    def key(self) -> Key:
        """What identifies the endpoint over accounts and regions."""
        return (self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class Routes:
    """One version of the routing table; ``revision`` is a hash of its content."""

    revision: str = ""
    endpoints: Mapping[Key, EndpointRoute] = field(default_factory=dict)


def write_routes(path: Path, endpoints: Iterable[EndpointRoute]) -> str:
    """Write the routing table unless the file says the same already, and return its revision."""
    listed = [asdict(endpoint) for endpoint in sorted(endpoints, key=lambda item: item.key)]
    revision = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:16]
    if not path.exists() or _revision(path) != revision:
        write_atomically(path, json.dumps({"revision": revision, "endpoints": listed}, indent=1))
    return revision


def read_routes(path: Path) -> Routes:
    """Read the routing table.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        The file is absent, torn or not a routing table.
    """
    document = json.loads(path.read_bytes())
    endpoints = [_endpoint(item) for item in document["endpoints"]]
    return Routes(document["revision"], {endpoint.key: endpoint for endpoint in endpoints})


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What the gateway has understood: ``busy`` replicas still have requests to answer."""

    pid: int
    revision: str
    busy: frozenset[str]


def state_path(routes: Path) -> Path:
    """Return where the gateway that reads ``routes`` tells its state."""
    return routes.with_name("state.json")


def write_state(path: Path, state: GatewayState) -> None:
    """Replace the gateway's state file."""
    document = {"pid": state.pid, "revision": state.revision, "busy": sorted(state.busy)}
    write_atomically(path, json.dumps(document))


def read_state(path: Path) -> GatewayState | None:
    """Return what the gateway last told, or None where none ever ran."""
    if not path.exists():
        return None
    document = json.loads(path.read_bytes())
    return GatewayState(document["pid"], document["revision"], frozenset(document["busy"]))


def _revision(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["revision"])
    except (ValueError, KeyError, TypeError):
        return None


def _endpoint(item: dict[str, Any]) -> EndpointRoute:
    return EndpointRoute(**{**item, "variants": tuple(map(_variant, item["variants"]))})


def _variant(item: dict[str, Any]) -> Variant:
    return Variant(**{**item, "replicas": tuple(Replica(**each) for each in item["replicas"])})
