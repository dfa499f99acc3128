"""Images on a Docker engine, and whether they may be fetched."""

from __future__ import annotations

import docker.errors
from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from jupyter_mlstudio.compute.docker_client import DockerClient, explain
from jupyter_mlstudio.compute.protocol import ImageNotFound

PULL_SILENCE = 120
"""Seconds a pull may go without progress before it is given up."""
_BUILD = "The studio's own images are built with `jupyter mlstudio images build xgboost`"


class Images:
    """The images of one engine; ``pull`` allows fetching those that are missing."""

    def __init__(self, client: DockerClient, *, pull: bool) -> None:
        self._client = client
        self._pull = pull

    def exists(self, image: str) -> bool:
        """Say whether the image is here."""
        with self._client.api() as api:
            try:
                api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs have none
            except docker.errors.ImageNotFound:
                return False
        return True

    def ensure(self, image: str) -> None:
        """Have the image here or raise :class:`ImageNotFound` with a remedy."""
        if self.exists(image):
            return
        if not self._pull:
            raise ImageNotFound(
                f"The image {image} is not on this Docker engine, and pulling images is switched "
                f"off. {_BUILD}; another image with `docker pull {image}`."
            )
        self._fetch(image)

    def _fetch(self, image: str) -> None:
        repository, tag = parse_repository_tag(image)
        registry, _ = resolve_repository_name(repository)
        with self._client.api() as api:
            try:
                progress = api.pull(repository, tag=tag or "latest", stream=True, decode=True)
                for step in progress:
                    if "error" in step:
                        raise _refused(registry, image, str(step["error"]))
            except docker.errors.APIError as error:
                raise _refused(registry, image, explain(error)) from error


def _refused(registry: str, image: str, answer: str) -> ImageNotFound:
    return ImageNotFound(
        f"The registry {registry} did not give the image {image}: {answer}. {_BUILD}; for a "
        f"private registry run `docker login {registry}`."
    )
