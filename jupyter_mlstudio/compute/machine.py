"""What the machine that runs containers has."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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


def disk_used(folder: Path) -> float:
    """Return the percentage in use of the disk that a folder is on."""
    usage = shutil.disk_usage(folder)
    return 100.0 * usage.used / usage.total


def gpu_usage() -> dict[str, tuple[float, float]]:
    """Return the percentages of computing time and memory in use, by the index of a GPU.

    None are known where the driver is missing, hangs or does not count (a GPU cut into slices).
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    query = "--query-gpu=index,utilization.gpu,memory.used,memory.total"
    try:
        listed = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=GPU_PROBE_TIMEOUT,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return {}
    found = {}
    for line in listed.stdout.splitlines():
        index, *numbers = (part.strip() for part in line.split(","))
        with suppress(ValueError, ZeroDivisionError):
            busy, used, total = map(float, numbers)
            found[index] = (busy, 100.0 * used / total)
    return found


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
