"""Docker's events as a wake-up call: which of our containers changed."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from jupyter_mlstudio.compute.docker_client import DockerClient
from jupyter_mlstudio.compute.protocol import EngineError

log = logging.getLogger(__name__)

SILENCE = 60
"""Seconds without an event after which the connection is made anew, and everything looked at."""
_SHORTEST, _LONGEST = 0.2, 10.0


class Watcher:
    """Follow the events of containers with ``label`` until stopped.

    Events are only a hint. After every (re)connect ``changed`` is called for all that ``resync``
    names, so what happened while nobody listened is not missed.
    """

    def __init__(
        self,
        client: DockerClient,
        label: str,
        changed: Callable[[str], None],
        resync: Callable[[], Iterable[str]],
    ) -> None:
        self._client = client
        self._label = label
        self._changed = changed
        self._resync = resync
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="docker-events", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; no call of ``changed`` begins after this."""
        self._stopped.set()

    def _run(self) -> None:
        pause = _SHORTEST
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._listen()
            except EngineError as error:
                silent = time.monotonic() - began >= SILENCE
                pause = _SHORTEST if silent else min(pause * 2, _LONGEST)
                if not silent:
                    log.warning("Docker events: %s", error.reason)
                self._stopped.wait(0 if silent else pause)
            except Exception:
                log.exception("Docker events")
                self._stopped.wait(_LONGEST)

    def _listen(self) -> None:
        filters = {
            "type": ["container"],
            "label": [self._label],
            "event": ["start", "die", "oom", "destroy"],
        }
        parameters = {"since": f"{time.time() - 1:.3f}", "filters": json.dumps(filters)}
        with self._client.stream("/events", parameters, read_timeout=SILENCE) as response:
            for name in self._resync():
                self._notify(name)
            for line in response.iter_lines():
                if self._stopped.is_set():
                    return
                self._notify(_name(json.loads(line)))

    def _notify(self, name: str) -> None:
        if not self._stopped.is_set():
            self._changed(name)


def _name(event: dict[str, Any]) -> str:
    return str(event["Actor"]["Attributes"]["name"])
