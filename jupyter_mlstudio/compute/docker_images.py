"""Images on a Docker engine, and whether they may be fetched."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import docker.errors
from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.protocol import EngineError, ImageNotFound

PULL_SILENCE = 120
"""Seconds a pull may go without progress before it is given up."""
_BUILD = "The studio's own images are built with `jupyter mlstudio images build`"

_Step = dict[str, Any] | EngineError | None


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

    def command(self, image: str) -> tuple[list[str], list[str]]:
        """Return the entrypoint and the command of an image that is here."""
        with self._client.api() as api:
            found = api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs have none
        config = found["Config"]
        return list(config.get("Entrypoint") or ()), list(config.get("Cmd") or ())

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
        try:
            for step in self._progress(repository, tag or "latest"):
                if "error" in step:
                    raise _refused(registry, image, str(step["error"]))
        except queue.Empty as error:
            raise EngineError(
                f"The registry {registry} sent nothing of {image} for {PULL_SILENCE} s.",
                retryable=True,
            ) from error
        except EngineError as error:
            if error.retryable or isinstance(error, ImageNotFound):
                raise
            raise _refused(registry, image, error.reason) from error

    def _progress(self, repository: str, tag: str) -> Iterator[dict[str, Any]]:
        """Yield the steps of a pull. The SDK would wait for each without end, so a thread does."""
        steps: queue.Queue[_Step] = queue.Queue()

        def pull() -> None:
            try:
                with self._client.api() as api:
                    for step in api.pull(repository, tag=tag, stream=True, decode=True):
                        steps.put(step)
                steps.put(None)
            except EngineError as error:
                steps.put(error)

        threading.Thread(target=pull, name=f"pull-{repository}", daemon=True).start()
        while (step := steps.get(timeout=PULL_SILENCE)) is not None:
            if isinstance(step, EngineError):
                raise step
            yield step


def _refused(registry: str, image: str, answer: str) -> ImageNotFound:
    return ImageNotFound(
        f"The registry {registry} did not give the image {image}: {answer}. {_BUILD}; for a "
        f"private registry run `docker login {registry}`."
    )
