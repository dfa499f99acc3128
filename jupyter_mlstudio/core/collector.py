"""Follow the logs of containers into log streams, from where the last follower stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic

from .._failpoints import reached
from ..compute.protocol import Engine, EngineError, LogLine
from .database import DatabaseUnavailable
from .logs import LogStore

log = logging.getLogger(__name__)

_BATCH = 500
_PATIENCE = 0.2
_RETRY = 1.0


class LogCollector:
    """One follower per container; every line is written once, also over restarts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._followers: dict[str, threading.Thread] = {}
        self._closed = threading.Event()

    def follow(
        self,
        container: str,
        store: LogStore,
        group: str,
        stream: str,
        written: Callable[[], None] | None = None,
    ) -> bool:
        """See that a container's log is followed; say whether it has been read to its end.

        A log that is too long is read no further: its stream says so at the end. ``written()``
        is called from the follower after every batch. Call again until it returns
        True once the container has ended: then every line is in the store.
        """
        with self._lock:
            follower = self._followers.get(container)
            if follower is not None:
                return not follower.is_alive()
            follower = threading.Thread(
                target=self._run,
                args=(container, store, group, stream, written or _nothing),
                name=f"log-{container}",
                daemon=True,
            )
            self._followers[container] = follower
            follower.start()
            return False

    def forget(self, container: str) -> None:
        """Drop what is known of a container that has been removed."""
        with self._lock:
            self._followers.pop(container, None)

    def close(self) -> None:
        """Stop writing. Followers end with their container or with the process."""
        self._closed.set()

    def _run(
        self,
        container: str,
        store: LogStore,
        group: str,
        stream: str,
        written: Callable[[], None],
    ) -> None:
        store.create(group, stream)
        while not self._closed.is_set():
            since = store.last_ns(group, stream)
            try:
                for batch in _batches(self._engine.logs(container, since)):
                    if self._closed.is_set():
                        return
                    full = store.append(group, stream, batch)
                    reached("log.appended")
                    written()
                    reached("log.scanned")
                    if full:
                        return
            except DatabaseUnavailable:
                self._closed.wait(_RETRY)
            except EngineError as error:
                log.warning("Log of %s broke off: %s", container, error.reason)
                if not error.retryable:
                    return
                self._closed.wait(_RETRY)
            else:
                return


def _nothing() -> None:
    return None


def _batches(lines: Iterator[LogLine]) -> Iterator[list[LogLine]]:
    """Group lines that arrive together, holding none back for longer than a moment."""
    ready: list[LogLine] = []
    arrived = threading.Condition()
    failure: list[BaseException] = []
    ended = False

    def read() -> None:
        nonlocal ended
        try:
            for line in lines:
                with arrived:
                    while len(ready) >= 20 * _BATCH:
                        arrived.wait()
                    ready.append(line)
                    arrived.notify_all()
        except BaseException as error:  # handed to the thread that reads the batches
            failure.append(error)
        finally:
            with arrived:
                ended = True
                arrived.notify_all()

    threading.Thread(target=read, daemon=True).start()
    last = monotonic()
    while True:
        with arrived:
            while not ready and not ended:
                arrived.wait()
            if (pause := last + _PATIENCE - monotonic()) > 0 and len(ready) < _BATCH and not ended:
                arrived.wait(pause)
            batch, ready[:] = list(ready), []
            arrived.notify_all()
            done = ended
        last = monotonic()
        if batch:
            yield batch
        elif done:
            if failure:
                raise failure[0]
            return
