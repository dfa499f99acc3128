"""What a running process says of itself in the studio's ``run`` folder, and whether it is true."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_CLOCK_SLACK = 2.0
"""Seconds by which the system clock may have been set since a process noted its start."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """The ready file of one process: ``pid``, when it ``started`` (epoch seconds), ``version``.

    ``fields`` is the whole document, with whatever else the process wrote.
    """

    pid: int
    started: float
    version: str
    fields: dict[str, Any]


def read(path: Path) -> RunFile | None:
    """Return the run file at ``path``, or None when there is none that can be understood."""
    try:
        fields = json.loads(path.read_text())
        return RunFile(
            pid=int(fields["pid"]),
            started=float(fields["started"]),
            version=str(fields["version"]),
            fields=fields,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def process_of(run: RunFile, marker: str) -> psutil.Process | None:
    """Return the process that wrote ``run``, or None when it is gone.

    A pid may have been given to another process since: that one was born after ``run.started``,
    or does not carry ``marker`` (a module name) on its command line.
    """
    try:
        process = psutil.Process(run.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        born_later = process.create_time() > run.started + _CLOCK_SLACK
        return None if born_later or marker not in process.cmdline() else process
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def own_start() -> float:
    """Return when this process began, in seconds since the epoch."""
    return psutil.Process().create_time()
