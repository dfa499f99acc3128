"""Removes what earlier processes of a studio were killed in the middle of making."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .._drafts import remove_drafts

if TYPE_CHECKING:
    from .studio import Studio

_OTHERS = ("jobs", "objects", "fetched")
"""Folders whose drafts go with a job, or are the business of another process."""


def tidy(studio: Studio) -> None:
    """Remove drafts below the root, and helpers on the engine. Raises OSError, EngineError."""
    for folder in _folders(studio.settings.root):
        remove_drafts(folder)
    studio.engine.tidy()


def _folders(root: Path) -> Iterator[Path]:
    """Yield every folder in which something is made beside its place."""
    yield root
    for folder in root.iterdir():
        if folder.is_dir() and folder.name not in _OTHERS:
            yield folder
            yield from (below for below in folder.iterdir() if below.is_dir())
    yield from root.glob("logs/*/*/*")
