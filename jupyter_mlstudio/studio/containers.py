"""The containers of a studio, seen from outside its process: it may be gone while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..compute.protocol import Engine
from ..core import runfile
from ..core.settings import Settings
from . import shutdown
from .engine import open_engine


def as_it_ran(settings: Settings) -> Settings:
    """Return settings that name the engine which the latest studio used, where it left word."""
    found = runfile.read(settings.run / "studio.json")
    chosen = found.fields.get("compute") if found else None
    return replace(settings, compute=str(chosen)) if chosen else settings


def running(settings: Settings) -> list[str]:
    """Return the names of those that run.

    Raises :class:`~jupyter_mlstudio.compute.protocol.EngineError` when the engine cannot be asked.
    """
    with _opened(settings) as engine:
        return shutdown.running(engine)


def stop(settings: Settings) -> None:
    """Stop all that run, found by the studio's label. Raises as :func:`running` does."""
    with _opened(settings) as engine:
        shutdown.stop_containers(engine)


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings)
    try:
        yield engine
    finally:
        engine.close()
