"""Makes containers in a Docker engine, with what they need around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext

import docker.errors
from docker.types import Mount

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.compute import docker_spec
from jupyter_mlstudio.compute.docker_client import DockerClient, unless_already
from jupyter_mlstudio.compute.docker_files import Mounts
from jupyter_mlstudio.compute.docker_images import Images
from jupyter_mlstudio.compute.docker_network import Attachment, Networks
from jupyter_mlstudio.compute.gpus import free_gpus
from jupyter_mlstudio.compute.protocol import ContainerSpec, ContainerState


class Creator:
    """Makes containers of one studio.

    Parameters
    ----------
    mounts:
        Returns what makes the mounts of a container of a name.
    owned:
        Returns every container of the studio.
    """

    def __init__(
        self,
        client: DockerClient,
        studio_id: str,
        networks: Networks,
        images: Images,
        mounts: Callable[[str], Mounts],
        owned: Callable[[], Iterable[ContainerState]],
    ) -> None:
        self._client = client
        self._studio_id = studio_id
        self._networks = networks
        self._images = images
        self._mounts = mounts
        self._owned = owned
        self._choosing = threading.Lock()

    def create(self, spec: ContainerSpec) -> bool:
        """Create the container, fetching its image if need be; False if there was one."""
        attachment = self._attachment(spec)
        mounts = self._mounts(spec.name).make(spec.mounts)
        reached("docker.mounted")
        try:
            return self._create_with(spec, attachment, mounts)
        except _ImageMissing:
            self._images.ensure(spec.image)
            return self._create_with(spec, attachment, mounts)

    def name_in_group(self, spec: ContainerSpec) -> None:
        """Put a created container on the second network it may need."""
        also = self._attachment(spec).also if spec.group else None
        if also is None:
            return
        with self._client.api() as api:
            unless_already(
                lambda: api.connect_container_to_network(
                    spec.name, also, aliases=[spec.hostname] if spec.hostname else None
                ),
                codes=(403, 409),
            )

    def _attachment(self, spec: ContainerSpec) -> Attachment:
        serves = spec.port is not None
        return self._networks.attach(spec.network, serves=serves, group=spec.group)

    def _create_with(
        self, spec: ContainerSpec, attachment: Attachment, mounts: list[Mount]
    ) -> bool:
        # Who chooses GPUs must see all that have some.
        with self._choosing if spec.limits.gpus else nullcontext(), self._client.api() as api:
            gpus = free_gpus(spec.limits.gpus, self._owned()) if spec.limits.gpus else []
            config = docker_spec.host_config(
                api,
                spec,
                network=attachment.network,
                mounts=mounts,
                extra_hosts=attachment.extra_hosts,
                publish=attachment.publish,
                gpus=gpus,
            )
            try:
                return unless_already(
                    lambda: docker_spec.create(
                        api,
                        spec.image,
                        name=spec.name,
                        command=list(spec.command) if spec.command is not None else None,
                        entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
                        environment=dict(spec.environment),
                        hostname=spec.hostname,
                        user=spec.user,
                        ports=[spec.port] if spec.port and attachment.publish else None,
                        labels=docker_spec.labels(spec, self._studio_id, gpus),
                        host_config=config,
                        networking_config=docker_spec.names(api, spec, attachment.network),
                    ),
                    codes=(409,),
                )
            except docker.errors.ImageNotFound as error:
                raise _ImageMissing from error


class _ImageMissing(Exception):
    """The image of a container is not here."""
