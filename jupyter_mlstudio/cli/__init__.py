"""``jupyter mlstudio``: the studio from a terminal."""

from .main import main

__all__ = ["main"]
