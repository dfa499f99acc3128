"""Names of what is made beside its place and then moved there in one step.

A draft of ``place`` is ``.place.<process>.<random>`` in the same folder. What a process leaves as
it is killed is found by that name, and is nobody's once the process is gone.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path

import psutil

_DRAFT = re.compile(r"\..+\.(\d+)\.[0-9a-f]{8}", re.DOTALL)


def draft_of(place: Path) -> Path:
    """Return a name for what is to become ``place``."""
    return place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")


def remove_drafts(folder: Path) -> None:
    """Remove the drafts in a folder whose processes are gone. Unknown folder: no-op."""
    for entry in os.scandir(folder) if folder.is_dir() else ():
        match = _DRAFT.fullmatch(entry.name)
        if match is None or psutil.pid_exists(int(match[1])):
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)
