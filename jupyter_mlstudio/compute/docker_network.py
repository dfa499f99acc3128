"""The networks containers live on, and the way from there to the studio.

One bridge is shared by the containers of all studios of an engine, without traffic between them.
Its gateway is 169.254.170.2, the one plain-HTTP address from which AWS SDKs take credentials.

A studio that runs in a container of the same engine cannot listen there. It joins a bridge of its
own, where its containers find it by name; traffic between them has to be allowed on that one.

Containers of a group, the hosts of one job, have a bridge to themselves. The address of the shared
one is still the host's, so they reach the studio through their own gateway.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import docker
import docker.errors
from docker.types import IPAMConfig, IPAMPool

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.docker_self import own_container
from jupyter_mlstudio.compute.ports import can_bind
from jupyter_mlstudio.compute.protocol import (
    STUDIO_LABEL,
    Access,
    AccessSettings,
    EngineError,
    NetworkMode,
    sdk_endpoints,
)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A network of ours: ``traffic`` is that between its containers.

    An ``internal`` one has no way out; with ``hostless``, none to this machine either.
    """

    name: str
    internal: bool = False
    traffic: bool = False
    hostless: bool = False
    subnet: str | None = None
    gateway: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


SHARED = {
    NetworkMode.STUDIO: Bridge("mlstudio", subnet="169.254.170.0/24", gateway="169.254.170.2"),
    NetworkMode.INTERNAL: Bridge(
        "mlstudio-internal", internal=True, subnet="169.254.171.0/24", gateway="169.254.171.2"
    ),
}
_GROUP_SUBNETS = range(172, 252)
_SUBNET_ATTEMPTS = 8
HOST_ALIAS = "host.docker.internal"
STUDIO_ALIAS = "studio.mlstudio.internal"


@dataclass(frozen=True, slots=True)
class Attachment:
    """How one container is put on a network."""

    network: str
    extra_hosts: dict[str, str]
    publish: bool
    also: str | None = None
    """A second network, for the names of the group."""


class Networks:
    """The networks of one engine, as the studio ``studio_id`` uses them."""

    def __init__(self, client: DockerClient, studio_id: str) -> None:
        self._client = client
        self._studio_id = studio_id
        self._gateways: dict[NetworkMode, str] = {}
        self._own = {
            NetworkMode.STUDIO: Bridge(f"mlstudio-{studio_id}", traffic=True),
            NetworkMode.INTERNAL: Bridge(
                f"mlstudio-{studio_id}-internal", internal=True, traffic=True
            ),
        }

    def attach(
        self, mode: NetworkMode, *, serves: bool = False, group: str | None = None
    ) -> Attachment:
        """Return the network of ``mode``, made if need be, for a container that may serve.

        A container of a ``group`` gets the group's own network.
        """
        if group is not None:
            return self._attach_group(mode, group)
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

    def _attach_group(self, mode: NetworkMode, group: str) -> Attachment:
        if mode is NetworkMode.NONE:
            return Attachment(self._group(group, internal=True, hostless=True), {}, publish=False)
        if self._direct(mode):
            return Attachment(self._group(group), {}, publish=False)
        if self._join(mode):
            names = self._group(group, internal=True)
            return Attachment(self._own[mode].name, {}, publish=False, also=names)
        return Attachment(self._group(group), {HOST_ALIAS: "host-gateway"}, publish=False)

    def _group(self, group: str, *, internal: bool = False, hostless: bool = False) -> str:
        """Return the network of a group, made if need be."""
        labels = {STUDIO_LABEL: self._studio_id}
        bridge = Bridge(group, internal, traffic=True, hostless=hostless, labels=labels)
        with self._client.api() as api:
            _ensure(api, bridge)
        return group

    def groups(self) -> list[str]:
        """Return the networks of groups."""
        with self._client.api() as api:
            found = api.networks(filters={"label": f"{STUDIO_LABEL}={self._studio_id}"})
        return [str(network["Name"]) for network in found]

    def remove_group(self, group: str) -> None:
        """Remove the network of a group, if there is one."""
        with self._client.api() as api:
            for network in api.networks(names=[group]):
                if network["Name"] == group:
                    with suppress(docker.errors.NotFound):
                        api.remove_network(network["Id"])

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
        """Return the gateway address of a shared bridge, made if need be.

        An address of ours that was its gateway before is so still: with the bridge it would go.
        """
        known = self._gateways.get(mode)
        if known is not None and can_bind(known):
            return known
        with self._client.api() as api:
            found = str(_ensure(api, SHARED[mode])["IPAM"]["Config"][0]["Gateway"])
        self._gateways[mode] = found
        return found

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
        reached("docker.network")
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
    """Make a bridge, on another subnet than ours where that is taken."""
    candidates = [bridge] if bridge.subnet else list(_small(bridge))
    for candidate in candidates:
        try:
            _create_bridge(api, candidate)
        except docker.errors.APIError:
            # Another studio made it just now, or the subnet is taken.
            if _find(api, bridge.name) is not None:
                return
        else:
            return
    _create_bridge(api, replace(bridge, subnet=None))


def _small(bridge: Bridge) -> Iterator[Bridge]:
    """Yield the bridge on subnets of ours: Docker's own pools end after some thirty networks."""
    numbers = list(_GROUP_SUBNETS)
    random.shuffle(numbers)
    for number in numbers[:_SUBNET_ATTEMPTS]:
        yield replace(bridge, subnet=f"169.254.{number}.0/24", gateway=f"169.254.{number}.1")


def _create_bridge(api: docker.APIClient, bridge: Bridge) -> None:
    pools = None
    if bridge.subnet:
        pools = IPAMConfig(pool_configs=[IPAMPool(subnet=bridge.subnet, gateway=bridge.gateway)])
    options = {"com.docker.network.bridge.enable_icc": str(bridge.traffic).lower()}
    if bridge.hostless:
        options["com.docker.network.bridge.inhibit_ipv4"] = "true"
    api.create_network(
        bridge.name,
        driver="bridge",
        options=options,
        ipam=pools,
        check_duplicate=True,
        internal=bridge.internal,
        labels=dict(bridge.labels),
    )
