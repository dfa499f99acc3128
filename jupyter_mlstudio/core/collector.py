"""Follow the logs of containers into log streams, from where the last follower stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from time import monotonic

from .._failpoints import reached
from ..compute.protocol import Engine, EngineError, LogCut, LogLine
from .database import DatabaseUnavailable
from .logs import LogStore

log = logging.getLogger(__name__)

_BATCH = 500
_MOST_LINES = 20 * _BATCH
_MOST_CHARACTERS = 1 << 20
"""What is held of a container's output while the lines before are written."""
_PATIENCE = 0.2
_RETRY = 1.0
_LAST_FAILURE = 4
"""How often a log is tried again at one place where it fails for a reason nobody foresaw.

Docker takes half a minute to say that its file is damaged, as it is once its disk was full.
"""
LOST = "[The log is cut here: the studio could not read what follows]"


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
        failures, position = 0, -1
        while not self._closed.is_set():
            try:
                last = store.last_ns(group, stream)
                failures, position = failures if last == position else 0, last
                self._read(container, store, group, stream, written)
                return
            except DatabaseUnavailable:
                pass
            except OSError as error:
                # Such as a full disk: the container keeps its log meanwhile.
                log.warning("The log of %s cannot be written: %s", container, error)
            except EngineError as error:
                log.warning("Log of %s broke off: %s", container, error.reason)
                if not error.retryable:
                    return
            except Exception:
                log.exception("The log of %s cannot be followed", container)
                failures += 1
                if failures > _LAST_FAILURE:
                    store.append(group, stream, [LogLine(store.last_ns(group, stream) + 1, LOST)])
                    return
            self._closed.wait(_RETRY)

    def _read(
        self,
        container: str,
        store: LogStore,
        group: str,
        stream: str,
        written: Callable[[], None],
    ) -> None:
        """Read a log to its end, from the last line that is in the store."""
        store.create(group, stream)
        since = store.last_ns(group, stream)
        try:
            with closing(_batches(self._engine.logs(container, since))) as batches:
                for batch in batches:
                    if self._closed.is_set():
                        return
                    full = store.append(group, stream, batch)
                    reached("log.appended")
                    try:
                        written()
                    except (DatabaseUnavailable, OSError):
                        raise
                    except Exception:
                        # Whoever waits for the end of the log does the same, and hears of it.
                        log.exception("What %s prints is not looked at", container)
                        written = _nothing
                    reached("log.scanned")
                    if full:
                        return
        except LogCut:
            store.cut(group, stream)


def _nothing() -> None:
    return None


class _Held:
    """Lines that have arrived and wait to be written."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.lines: list[LogLine] = []
        self.characters = 0
        self.ended = False
        self.unwanted = False
        self.failure: BaseException | None = None

    def fill(self, lines: Iterator[LogLine]) -> None:
        """Read lines until there are no more, or nobody wants them."""
        try:
            for line in lines:
                with self.changed:
                    self.changed.wait_for(self._has_room)
                    if self.unwanted:
                        return
                    self.lines.append(line)
                    self.characters += len(line.text)
                    self.changed.notify_all()
        except BaseException as error:  # handed to the thread that reads the batches
            self.failure = error
        finally:
            if isinstance(lines, Generator):
                lines.close()
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def take(self, until: float) -> tuple[list[LogLine], bool]:
        """Wait for lines, and for more of them until then; return them, and whether it was all."""
        with self.changed:
            self.changed.wait_for(lambda: self.lines or self.ended)
            if (pause := until - monotonic()) > 0:
                self.changed.wait_for(self._has_enough, pause)
            batch, self.lines, self.characters = self.lines, [], 0
            self.changed.notify_all()
            return batch, self.ended

    def leave(self) -> None:
        """Let the reader end."""
        with self.changed:
            self.unwanted = True
            self.changed.notify_all()

    def _has_room(self) -> bool:
        few = len(self.lines) < _MOST_LINES and self.characters < _MOST_CHARACTERS
        return few or self.unwanted

    def _has_enough(self) -> bool:
        return len(self.lines) >= _BATCH or self.ended


def _batches(lines: Iterator[LogLine]) -> Generator[list[LogLine], None, None]:
    """Group lines that arrive together, holding none back for longer than a moment."""
    held = _Held()
    threading.Thread(target=held.fill, args=(lines,), daemon=True).start()
    last = monotonic()
    try:
        while True:
            batch, ended = held.take(last + _PATIENCE)
            last = monotonic()
            if batch:
                yield batch
            elif ended:
                if held.failure:
                    raise held.failure
                return
    finally:
        held.leave()
