"""The networks containers live on, and the way from there to the studio.

One bridge is shared by the containers of all studios of an engine, without traffic between them.
Its gateway is 169.254.170.2, the one plain-HTTP address from which AWS SDKs take credentials.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import docker
import docker.errors
from docker.types import IPAMConfig, IPAMPool

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.protocol import (
    Access,
    AccessSettings,
    EngineError,
    NetworkMode,
    sdk_endpoints,
)

SHARED = "mlstudio"
INTERNAL = "mlstudio-internal"
SUBNETS = {
    SHARED: ("169.254.170.0/24", "169.254.170.2"),
    INTERNAL: ("169.254.171.0/24", "169.254.171.2"),
}
HOST_ALIAS = "host.docker.internal"


@dataclass(frozen=True, slots=True)
class Attachment:
    """How one container is put on a network."""

    network: str
    extra_hosts: dict[str, str]
    publish: bool


class Networks:
    """The networks of one engine."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def attach(self, mode: NetworkMode, *, serves: bool) -> Attachment:
        """Return the network of ``mode``, made if need be, for a container that may serve."""
        if mode is NetworkMode.NONE:
            return Attachment("none", {}, publish=False)
        name = INTERNAL if mode is NetworkMode.INTERNAL else SHARED
        direct = can_bind(self.gateway(name))
        if mode is NetworkMode.INTERNAL:
            if serves and not direct:
                raise EngineError(
                    "An endpoint with network isolation needs an engine on this very Linux "
                    "machine: this one's isolated networks cannot be reached from here."
                )
            return Attachment(name, {}, publish=False)
        hosts = {} if direct else {HOST_ALIAS: "host-gateway"}
        return Attachment(name, hosts, publish=serves and not direct)

    def access(self, settings: AccessSettings) -> Access:
        """Return how containers on the shared bridge reach the studio."""
        gateway = self.gateway(SHARED)
        if can_bind(gateway):
            return Access(gateway, sdk_endpoints(gateway, settings), listen=gateway)
        return Access(HOST_ALIAS, sdk_endpoints(HOST_ALIAS, settings))

    def gateway(self, name: str) -> str:
        """Return the gateway address of one of our networks, making the network if need be."""
        with self._client.api() as api:
            return _find(api, name) or _create(api, name)


def can_bind(address: str) -> bool:
    """Say whether ``address`` is one of this machine's, so that containers are next to us."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _find(api: docker.APIClient, name: str) -> str | None:
    try:
        network = api.inspect_network(name)
    except docker.errors.NotFound:
        return None
    return str(network["IPAM"]["Config"][0]["Gateway"])


def _create(api: docker.APIClient, name: str) -> str:
    subnet, gateway = SUBNETS[name]
    pools = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet, gateway=gateway)])
    try:
        _create_bridge(api, name, pools)
    except docker.errors.APIError:
        # Another studio made it just now, or the subnet is taken: then any other will do.
        if _find(api, name) is None:
            _create_bridge(api, name, None)
    found = _find(api, name)
    if found is None:
        raise EngineError(
            f"The Docker network {name} was removed while it was made.", retryable=True
        )
    return found


def _create_bridge(api: docker.APIClient, name: str, pools: IPAMConfig | None) -> None:
    api.create_network(
        name,
        driver="bridge",
        options={"com.docker.network.bridge.enable_icc": "false"},
        ipam=pools,
        check_duplicate=True,
        internal=name == INTERNAL,
    )
