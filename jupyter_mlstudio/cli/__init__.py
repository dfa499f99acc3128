"""``jupyter mlstudio``: the studio from a terminal."""

from .commands import main

__all__ = ["main"]
