"""Who a process is, in words that stay true when the clock of the machine is set."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from ._version import __version__

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot() -> str:
    """Return what tells this start of the machine from others; empty where nothing does."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def born(process: psutil.Process) -> float:
    """Return when a process began, in seconds since the machine started.

    Its ``create_time()`` moves with the clock.
    """
    return process.create_time() - psutil.boot_time()


def identity() -> dict[str, Any]:
    """Return what this process says of itself in its run file (see ``core.runfile``)."""
    process = psutil.Process()
    return {
        "pid": os.getpid(),
        "started": process.create_time(),
        "born": born(process),
        "boot": boot(),
        "version": __version__,
    }
