"""The connection to a Docker engine: made when needed, never waited for without end."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
import urllib3.exceptions
from docker.context import ContextAPI
from docker.utils import kwargs_from_env

from jupyter_mlstudio.compute.protocol import EngineError

log = logging.getLogger(__name__)


class Gone(EngineError):
    """What was asked for is not there, or not any more."""


HELPER_LABEL = "mlstudio.helper"
"""Label of containers and volumes that are needed for a moment: the id of the studio."""
PROCESS_LABEL = "mlstudio.process"
PROCESS = secrets.token_hex(8)
"""Their other label, and what it says of those of this process."""

CONTROL_TIMEOUT = 8
"""Seconds a control call may take: a hung engine is reported within ten."""
TRANSFER_SILENCE = 60
"""Seconds an engine that takes or gives an archive may say nothing: its disk may be busy."""

_ALREADY = (304, 404, 409)
"""Docker's answers for: in that state already, gone already, being done already."""

UNREACHABLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    docker.errors.DockerException,
    ConnectionError,
    TimeoutError,
)


def helper_labels(studio_id: str) -> dict[str, str]:
    """Return the labels of what is needed for a moment."""
    return {HELPER_LABEL: studio_id, PROCESS_LABEL: PROCESS}


class DockerClient:
    """A lazily connected, shared API client whose failures are :class:`EngineError`.

    Parameters
    ----------
    url:
        Address of the engine; by default ``DOCKER_HOST``, then the current Docker context.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = url or os.environ.get("DOCKER_HOST") or _context_url()
        self._api: docker.APIClient | None = None
        self._lock = threading.Lock()

    @contextmanager
    def api(self) -> Iterator[docker.APIClient]:
        """Give the client; what it raises inside the block comes out as :class:`EngineError`."""
        try:
            yield self._connected()
        except docker.errors.NotFound as error:
            raise Gone(explain(error)) from error
        except docker.errors.APIError as error:
            passing = _status(error) in (502, 503, 504)
            raise EngineError(explain(error), retryable=passing) from error
        except UNREACHABLE as error:
            raise EngineError(
                f"The Docker engine at {self.url} does not answer: {error}", retryable=True
            ) from error

    @contextmanager
    def stream(
        self, path: str, params: Mapping[str, Any], read_timeout: float | None
    ) -> Iterator[requests.Response]:
        """Open a streaming GET; ``read_timeout`` is the longest silence in seconds."""
        with self.api() as api:
            response = api.get(
                f"{api.base_url}/v{api.api_version}{path}",
                params=dict(params),
                stream=True,
                # Docker would compress archives, slower than any disk.
                headers={"Accept-Encoding": "identity"},
                timeout=(CONTROL_TIMEOUT, read_timeout),
            )
            try:
                _check(response)
                yield response
            finally:
                response.close()

    def upload(self, path: str, params: Mapping[str, Any], body: Iterable[bytes]) -> None:
        """PUT ``body`` piece by piece, as it comes."""
        with self.api() as api:
            response = api.put(
                f"{api.base_url}/v{api.api_version}{path}",
                params=dict(params),
                data=body,
                timeout=(TRANSFER_SILENCE, TRANSFER_SILENCE),
            )
            try:
                _check(response)
            finally:
                response.close()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._api is not None:
                self._api.close()
                self._api = None

    def _connected(self) -> docker.APIClient:
        if self._api is not None:
            return self._api
        scheme, _, path = self.url.partition("://")
        if scheme == "unix" and not Path(path).exists():
            raise ConnectionError("there is no such socket")
        settings: dict[str, Any] = {**kwargs_from_env(), "base_url": self.url}
        # Outside the lock: callers of a hung engine time out side by side, not in a queue.
        api = docker.APIClient(
            version="auto", timeout=CONTROL_TIMEOUT, max_pool_size=64, **settings
        )
        return self._share(api)

    def _share(self, api: docker.APIClient) -> docker.APIClient:
        with self._lock:
            first = self._api = self._api or api
        if first is not api:
            api.close()
        return first


def explain(error: docker.errors.APIError) -> str:
    """Return the engine's own words for what went wrong."""
    return str(error.explanation or error)


def unless_already(act: Callable[[], object], codes: tuple[int, ...] = _ALREADY) -> bool:
    """Act; return False where Docker answers, with one of ``codes``, that it is so already."""
    try:
        act()
    except docker.errors.APIError as error:
        if error.response is None or error.response.status_code not in codes:
            raise
        log.debug("Done already: %s", explain(error))
        return False
    return True


def _status(error: docker.errors.APIError) -> int | None:
    return error.response.status_code if error.response is not None else None


def _check(response: requests.Response) -> None:
    if response.status_code >= 400:
        text = f"{response.status_code} {response.reason}"
        error = requests.HTTPError(text, response=response)
        docker.errors.create_api_error_from_http_exception(error)


def _context_url() -> str:
    context = ContextAPI.get_current_context()
    return str(context.Host or "unix:///var/run/docker.sock")
