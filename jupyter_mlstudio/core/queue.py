"""One work queue for all controllers: per-key turns, back-off, delays.

The pattern is Kubernetes': a key that is added while it is worked on is worked on once more
afterwards, never at the same time; a controller that raises is tried again later. What a controller
changes of its own resource is no reason to look again: it says itself when that is to be, and
would else never be left in peace while it fails.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from time import monotonic

log = logging.getLogger(__name__)

Key = tuple[str, str]
FIRST_RETRY = 0.2
LAST_RETRY = 30.0


class _Working(threading.local):
    """What a thread works on."""

    key: Key | None = None


class WorkQueue:
    """Call ``work(key)`` in worker threads; what it returns is when to look again (seconds)."""

    def __init__(self, work: Callable[[Key], float | None], workers: int = 8) -> None:
        self._work = work
        self._condition = threading.Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._mine = _Working()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"reconcile-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let every worker finish the key it has, and stop."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have a key worked on in ``delay`` seconds, or sooner when it is due sooner.

        Whoever works on the key just now adds nothing.
        """
        if self._mine.key == key:
            return
        due = monotonic() + delay
        with self._condition:
            if self._due.get(key, due + 1) <= due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
            self._condition.notify()

    def idle(self) -> bool:
        """Say whether nothing is being worked on and nothing is due now."""
        with self._condition:
            return not self._busy and not any(due <= monotonic() for due in self._due.values())

    def _run(self) -> None:
        while (key := self._take()) is not None:
            delay = self._attempt(key)
            with self._condition:
                self._busy.discard(key)
                self._condition.notify_all()
            if delay is not None:
                self.add(key, delay)

    def _attempt(self, key: Key) -> float | None:
        self._mine.key = key
        try:
            delay = self._work(key)
        except Exception:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            log.exception("Reconciling %s %s failed (attempt %d)", *key, count)
            return float(min(FIRST_RETRY * 2.0 ** min(count - 1, 30), LAST_RETRY))
        finally:
            self._mine.key = None
        self._failures.pop(key, None)
        return delay

    def _take(self) -> Key | None:
        with self._condition:
            while not self._closed:
                wait = None
                parked = []
                taken = None
                while self._heap:
                    due, _, key = self._heap[0]
                    if self._due.get(key) != due:
                        heapq.heappop(self._heap)
                    elif key in self._busy:
                        parked.append(heapq.heappop(self._heap))
                    elif due <= monotonic():
                        heapq.heappop(self._heap)
                        del self._due[key]
                        taken = key
                        break
                    else:
                        wait = due - monotonic()
                        break
                for entry in parked:
                    heapq.heappush(self._heap, entry)
                if taken is not None:
                    self._busy.add(taken)
                    return taken
                self._condition.wait(wait)
        return None
