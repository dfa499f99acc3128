"""Controllers: what brings the world to the wish, one small step at a time.

``reconcile`` is level-triggered: it is told which resource to look at, never what happened. It
looks at the store and the engine, takes one step that is safe to take twice, and says when it
wants to look again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from .queue import Key, WorkQueue
from .store import Resource

if TYPE_CHECKING:
    from .studio import Studio

RESYNC = 30.0
UID_LABEL = "mlstudio.uid"
KIND_LABEL = "mlstudio.kind"


class Controller(Protocol):
    """Brings resources of one kind to what their wish says."""

    def reconcile(self, uid: str) -> float | None:
        """Take one step; return seconds until the next look, or None for "when it changes"."""


_CONTROLLERS: dict[str, Callable[[Studio], Controller]] = {}


def controller(kind: str) -> Callable[[type], type]:
    """Register the decorated class as the controller of a kind; it is made with the studio."""

    def register(made: type) -> type:
        _CONTROLLERS[kind] = made
        return made

    return register


class Controllers:
    """Every registered controller on one work queue."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._controllers = {name: made(studio) for name, made in _CONTROLLERS.items()}
        self._queue = WorkQueue(self._reconcile)
        self._closed = threading.Event()
        self._resync = threading.Thread(target=self._resync_forever, name="resync", daemon=True)

    def start(self) -> None:
        """Look at everything unsettled once, then at whatever changes."""
        self._studio.store.subscribe(self._changed)
        self._enqueue(self._studio.store.unsettled())
        self._queue.start()
        self._studio.engine.watch(self.container_changed)
        self._resync.start()

    def close(self) -> None:
        """Stop after the steps being taken now."""
        self._closed.set()
        self._queue.close()
        if self._resync.is_alive():
            self._resync.join()

    def look(self, kind: str, uid: str, delay: float = 0.0) -> None:
        """Have a resource looked at."""
        if kind in self._controllers:
            self._queue.add((kind, uid), delay)

    def container_changed(self, name: str) -> None:
        """Look at the resource that a container of ours belongs to."""
        uid = name.removeprefix(f"mls-{self._studio.settings.studio_id}-").split("-")[0]
        resource = self._studio.store.by_uid(uid)
        if resource is not None:
            self.look(resource.kind, uid)

    def _changed(self, resource: Resource) -> None:
        self.look(resource.kind, resource.uid)

    def _enqueue(self, keys: Iterable[Key]) -> None:
        for kind, uid in keys:
            self.look(kind, uid)

    def _reconcile(self, key: Key) -> float | None:
        kind, uid = key
        return self._controllers[kind].reconcile(uid)

    def _resync_forever(self) -> None:
        while not self._closed.wait(RESYNC):
            self._enqueue(self._studio.store.unsettled())
