"""What a running process says of itself in the studio's ``run`` folder, and whether it is true."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from .._identity import boot, born

_SLACK = 2.0
"""Seconds by which two looks at when a process began may differ."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """The ready file of one process: ``pid``, when it ``started`` (epoch seconds), ``version``.

    The clock may have been set since, so a process is told by when it was ``born``, in seconds
    since the start of the machine that ``boot`` names; older versions did not write these.
    ``fields`` is the whole document, with whatever else the process wrote.
    """

    pid: int
    started: float
    version: str
    born: float | None
    boot: str
    fields: dict[str, Any]


def read(path: Path) -> RunFile | None:
    """Return the run file at ``path``, or None when there is none that can be understood."""
    try:
        fields = json.loads(path.read_text())
        return RunFile(
            pid=int(fields["pid"]),
            started=float(fields["started"]),
            version=str(fields["version"]),
            born=float(fields["born"]) if "born" in fields else None,
            boot=str(fields.get("boot", "")),
            fields=fields,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def process_of(run: RunFile, marker: str) -> psutil.Process | None:
    """Return the process that wrote ``run``, or None when it is gone.

    A pid may have been given to another process since: that one was born later, or does not carry
    ``marker`` (a module name) on its command line.
    """
    if run.boot and run.boot != boot():
        return None
    try:
        process = psutil.Process(run.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if run.born is None:
            later = process.create_time() - run.started
        else:
            later = born(process) - run.born
        return None if later > _SLACK or marker not in process.cmdline() else process
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
