"""What a supervised process and everything it started uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from jupyter_mlstudio.compute.protocol import Usage
from jupyter_mlstudio.compute.shim import below, process_table

_FRESH = 0.5
"""Seconds for which one look at all processes serves for several containers."""


class ProcessTable:
    """Which process is whose child, looked at seldom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[int, list[int]] = {}
        self._until = 0.0

    def below(self, root: int) -> list[int]:
        """Return the processes below one."""
        with self._lock:
            if time.monotonic() > self._until:
                self._children = process_table()
                self._until = time.monotonic() + _FRESH
            return below(root, self._children)


def tree_usage(pids: Iterable[int], memory_limit: int, disk: float | None) -> Usage:
    """Return what processes use together.

    CPU time of those that have ended is counted with the one that waited for them. What they send
    and receive cannot be told apart from the machine's.
    """
    cpu, memory = 0.0, 0
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
            cpu += times.user + times.system + times.children_user + times.children_system
    return Usage(time.time(), cpu, memory, memory_limit, received=None, sent=None, disk=disk)
