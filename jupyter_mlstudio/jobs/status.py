"""The states that all kinds of jobs share."""

from __future__ import annotations

IN_PROGRESS = "InProgress"
STOPPING = "Stopping"
COMPLETED = "Completed"
FAILED = "Failed"
STOPPED = "Stopped"
FINAL = frozenset({COMPLETED, FAILED, STOPPED})
