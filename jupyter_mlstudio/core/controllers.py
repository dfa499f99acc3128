"""Controllers: what brings the world to the wish, one small step at a time.

``reconcile`` is level-triggered: it is told which resource to look at, never what happened. It
looks at the store and the engine, takes one step that is safe to take twice, and says when it
wants to look again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from ..compute.protocol import EngineError
from . import kinds
from .database import DatabaseUnavailable
from .queue import Key, WorkQueue
from .store import Resource
from .tidy import tidy

if TYPE_CHECKING:
    from .studio import Studio

log = logging.getLogger(__name__)

RESYNC = 30.0
AWAY = 1.0
"""Seconds until the next look while the database cannot be used."""

UID_LABEL = "mlstudio.uid"
KIND_LABEL = "mlstudio.kind"


class Controller(Protocol):
    """Brings resources of one kind to what their wish says."""

    def reconcile(self, uid: str) -> float | None:
        """Take one step; return seconds until the next look, or None for "when it changes"."""


_CONTROLLERS: dict[str, Callable[[Studio], Controller]] = {}
_SINGLE: list[str] = []


def controller(kind: str, *, single: bool = False) -> Callable[[type], type]:
    """Register the decorated class as the controller of a kind; it is made with the studio.

    A ``single`` one looks after something the studio has one of, maybe besides resources: it is
    asked to look, with an empty uid, when the studio starts.
    """

    def register(made: type) -> type:
        _CONTROLLERS[kind] = made
        if single:
            _SINGLE.append(kind)
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
        self._enqueue((kind, "") for kind in _SINGLE)
        self._queue.start()
        self._studio.admission.subscribe(self._look_at_owner)
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
        self._studio.sampler.changed(name)
        self._look_at_owner(name)

    def _look_at_owner(self, name: str) -> None:
        try:
            resource = self._studio.store.by_uid(self._studio.owner_uid(name))
        except DatabaseUnavailable:
            return  # everything is looked at once it is back
        if resource is not None:
            self.look(resource.kind, resource.uid)

    def _changed(self, resource: Resource) -> None:
        self.look(resource.kind, resource.uid)

    def _enqueue(self, keys: Iterable[Key]) -> None:
        for kind, uid in keys:
            self.look(kind, uid)

    def _reconcile(self, key: Key) -> float | None:
        kind, uid = key
        try:
            return self._controllers[kind].reconcile(uid)
        except DatabaseUnavailable:
            return AWAY

    def _resync_forever(self) -> None:
        lost = self._studio.database.lost
        said = False
        self._tidy()
        while True:
            was_lost = lost.is_set()
            lost.clear()
            try:
                self._studio.database.check()
                self._enqueue(self._studio.store.unsettled())
                self._sweep()
            except DatabaseUnavailable as error:
                lost.set()
                if not said:
                    log.error("%s. Everything waits until it can be used again.", error.message)
                said = True
            except Exception:
                log.exception("Not everything could be looked at; the next look follows")
            else:
                if was_lost or said:
                    log.warning("The database was lost and can be used again")
                said = False
            if not self._wait(lost):
                return

    def _wait(self, lost: threading.Event) -> bool:
        """Wait until everything is to be looked at again; return False when that is never."""
        end = monotonic() + RESYNC
        while not self._closed.wait(AWAY):
            if lost.is_set() or monotonic() > end:
                return True
        return False

    def _tidy(self) -> None:
        try:
            tidy(self._studio)
        except (EngineError, OSError) as error:
            log.warning("What killed processes left half made stays: %s", error)

    def _sweep(self) -> None:
        try:
            self.sweep()
        except (EngineError, OSError) as error:
            log.warning("What is left of what is gone is not looked for: %s", error)

    def sweep(self) -> None:
        """Clean up after what is over: resources that are gone, and those that have ended.

        With an empty database nothing is removed: it may have been lost, and they may be all that
        is left.
        """
        studio = self._studio
        studio.end_sessions()
        jobs = studio.settings.jobs
        folders = {path.name: path for path in jobs.iterdir()} if jobs.is_dir() else {}
        # By name: a container made ready for one resource may be another's by now.
        containers = {
            state.name: studio.owner_uid(state.name)
            for state in studio.engine.owned()
            if UID_LABEL in state.labels
        }
        groups = {name: name.rpartition("-")[2] for name in studio.engine.groups()}
        uids = {*folders, *containers.values(), *groups.values()}
        resources = {uid: studio.store.by_uid(uid) for uid in uids}
        if resources and not studio.store.counts():
            left = ", ".join([*containers, *groups, *map(str, folders.values())])
            log.warning("The database is empty, yet there are %s: left as they are", left)
            return
        for resource in resources.values():
            if resource is not None and resource.status in (kinds.kind(resource.kind).final or ()):
                self.look(resource.kind, resource.uid)
        for name, uid in containers.items():
            if resources[uid] is None:
                log.info("Removing container %s: its resource is gone", name)
                studio.engine.remove(name)
        for name, uid in groups.items():
            if resources[uid] is None:
                studio.engine.remove_group(name)
        for uid, folder in folders.items():
            if resources[uid] is None:
                _remove(studio, folder)


def _remove(studio: Studio, folder: Path) -> None:
    """Remove a folder; one that cannot be removed keeps no other from it."""
    try:
        studio.engine.remove_tree(folder)
    except OSError as error:
        log.warning("%s, whose resource is gone, cannot be removed: %s", folder, error)
