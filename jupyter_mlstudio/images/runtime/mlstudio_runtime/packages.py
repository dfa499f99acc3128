"""Installing what the user's code asks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import child, paths
from .outcome import UserError


def install(arguments: Sequence[str], folder: Path) -> None:
    """Run ``pip install`` in ``folder``: into the image, or where several share this Python
    (``MLSTUDIO_SHARED_PYTHON``) into a folder of the job's own.

    Raises
    ------
    UserError
        With the end of what pip said.
    """
    command = [sys.executable, "-m", "pip", "install", *arguments]
    if _shared():
        command += ["--upgrade", "--target", str(paths.packages())]
    ended = child.run(command, folder, os.environ)
    if ended.status:
        module = "." in arguments
        kind = "InstallModuleError" if module else "InstallRequirementsError"
        raise UserError(ended.reason(kind))


def search_path() -> list[str]:
    """Return the folders that come before Python's own, besides that of the code."""
    return [str(paths.packages())] if _shared() else []


def _shared() -> bool:
    return bool(os.environ.get("MLSTUDIO_SHARED_PYTHON"))
