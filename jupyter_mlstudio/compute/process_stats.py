"""What a supervised process and everything it started uses."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

from jupyter_mlstudio.compute.protocol import Usage
from jupyter_mlstudio.compute.shim import descendants


def tree_usage(supervisor: int, memory_limit: int, disk: float | None) -> Usage:
    """Return what the processes below a supervisor use together.

    CPU time of those that have ended is counted with the one that waited for them. What they send
    and receive cannot be told apart from the machine's.
    """
    cpu, memory = 0.0, 0
    for pid in descendants(supervisor):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
            cpu += times.user + times.system + times.children_user + times.children_system
    return Usage(time.time(), cpu, memory, memory_limit, received=None, sent=None, disk=disk)
