"""The networks containers live on, and the way from there to the studio.

One bridge is shared by the containers of all studios of an engine, without traffic between them.
Its gateway is 169.254.170.2, the one plain-HTTP address from which AWS SDKs take credentials.

A studio that runs in a container of the same engine cannot listen there. It joins a bridge of its
own, where its containers find it by name; traffic between them has to be allowed on that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import docker
import docker.errors
from docker.types import IPAMConfig, IPAMPool

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_self import own_container
from jupyter_mlstudio.compute.ports import can_bind
from jupyter_mlstudio.compute.protocol import (
    Access,
    AccessSettings,
    EngineError,
    NetworkMode,
    sdk_endpoints,
)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A network of ours: ``traffic`` is that between its containers."""

    name: str
    internal: bool = False
    traffic: bool = False
    subnet: str | None = None
    gateway: str | None = None


SHARED = {
    NetworkMode.STUDIO: Bridge("mlstudio", subnet="169.254.170.0/24", gateway="169.254.170.2"),
    NetworkMode.INTERNAL: Bridge(
        "mlstudio-internal", internal=True, subnet="169.254.171.0/24", gateway="169.254.171.2"
    ),
}
HOST_ALIAS = "host.docker.internal"
STUDIO_ALIAS = "studio.mlstudio.internal"


@dataclass(frozen=True, slots=True)
class Attachment:
    """How one container is put on a network."""

    network: str
    extra_hosts: dict[str, str]
    publish: bool


class Networks:
    """The networks of one engine, as the studio ``studio_id`` uses them."""

    def __init__(self, client: DockerClient, studio_id: str) -> None:
        self._client = client
        self._own = {
            NetworkMode.STUDIO: Bridge(f"mlstudio-{studio_id}", traffic=True),
            NetworkMode.INTERNAL: Bridge(
                f"mlstudio-{studio_id}-internal", internal=True, traffic=True
            ),
        }

    def attach(self, mode: NetworkMode, *, serves: bool) -> Attachment:
        """Return the network of ``mode``, made if need be, for a container that may serve."""
        if mode is NetworkMode.NONE:
            return Attachment("none", {}, publish=False)
        if self._direct(mode):
            return Attachment(SHARED[mode].name, {}, publish=False)
        if self._join(mode):
            return Attachment(self._own[mode].name, {}, publish=False)
        if mode is NetworkMode.STUDIO:
            hosts = {HOST_ALIAS: "host-gateway"}
            return Attachment(SHARED[mode].name, hosts, publish=serves)
        if serves:
            raise EngineError(
                "An endpoint with network isolation needs an engine on this very Linux machine, or "
                "a studio in one of its containers: isolated networks cannot be reached from here."
            )
        return Attachment(SHARED[mode].name, {}, publish=False)

    def access(self, settings: AccessSettings) -> Access:
        """Return how containers on the shared bridge reach the studio."""
        gateway = self._gateway(NetworkMode.STUDIO)
        if can_bind(gateway):
            return Access(gateway, sdk_endpoints(gateway, settings), listen=gateway)
        address = self._join(NetworkMode.STUDIO)
        if address:
            return Access(STUDIO_ALIAS, sdk_endpoints(STUDIO_ALIAS, settings), listen=address)
        return Access(HOST_ALIAS, sdk_endpoints(HOST_ALIAS, settings))

    def _direct(self, mode: NetworkMode) -> bool:
        """Say whether the engine's bridges are on this very machine."""
        return can_bind(self._gateway(mode))

    def _gateway(self, mode: NetworkMode) -> str:
        """Return the gateway address of a shared bridge, made if need be."""
        with self._client.api() as api:
            return str(_ensure(api, SHARED[mode])["IPAM"]["Config"][0]["Gateway"])

    def _join(self, mode: NetworkMode) -> str | None:
        """Put our own container on the studio's own bridge; return its address there.

        None where we are in no container of this engine, or in one that can have no more networks.
        """
        with self._client.api() as api:
            container = own_container(api)
            if container is None or not _can_join(container):
                return None
            bridge = self._own[mode]
            if bridge.name not in container["NetworkSettings"]["Networks"]:
                _ensure(api, bridge)
                api.connect_container_to_network(
                    container["Id"], bridge.name, aliases=[STUDIO_ALIAS]
                )
                container = api.inspect_container(container["Id"])
            return str(container["NetworkSettings"]["Networks"][bridge.name]["IPAddress"])


def _can_join(container: Mapping[str, Any]) -> bool:
    mode = str(container["HostConfig"]["NetworkMode"])
    return mode not in ("host", "none") and not mode.startswith("container:")


def _ensure(api: docker.APIClient, bridge: Bridge) -> dict[str, Any]:
    """Return what the engine says of a bridge, made if need be."""
    found = _find(api, bridge.name)
    if found is None:
        _create(api, bridge)
        found = _find(api, bridge.name)
    if found is None:
        raise EngineError(
            f"The Docker network {bridge.name} was removed while it was made.", retryable=True
        )
    return found


def _find(api: docker.APIClient, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.inspect_network(name)
    except docker.errors.NotFound:
        return None
    return found


def _create(api: docker.APIClient, bridge: Bridge) -> None:
    try:
        _create_bridge(api, bridge)
    except docker.errors.APIError:
        # Another studio made it just now, or the subnet is taken: then any other will do.
        if _find(api, bridge.name) is None:
            _create_bridge(api, replace(bridge, subnet=None))


def _create_bridge(api: docker.APIClient, bridge: Bridge) -> None:
    pools = None
    if bridge.subnet:
        pools = IPAMConfig(pool_configs=[IPAMPool(subnet=bridge.subnet, gateway=bridge.gateway)])
    api.create_network(
        bridge.name,
        driver="bridge",
        options={"com.docker.network.bridge.enable_icc": str(bridge.traffic).lower()},
        ipam=pools,
        check_duplicate=True,
        internal=bridge.internal,
    )
