"""What the machine that runs containers has."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

import psutil

GPU_PROBE_TIMEOUT = 5
"""Seconds ``nvidia-smi`` may take: it hangs on a broken driver."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Capacity: ``cpus`` in cores, ``memory`` in bytes."""

    cpus: float
    memory: int
    gpus: int = 0

    @classmethod
    def detect(cls) -> Machine:
        """Return what this process may use, cgroup limits and CPU affinity included."""
        memory = psutil.virtual_memory().total
        return cls(len(os.sched_getaffinity(0)), min(memory, _cgroup_memory() or memory), gpus())


@lru_cache(maxsize=1)
def gpus() -> int:
    """Count the NVIDIA devices that answer; none where the driver is missing or hangs."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        listed = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=GPU_PROBE_TIMEOUT, check=True
        )
    except (subprocess.SubprocessError, OSError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _cgroup_memory() -> int | None:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None
