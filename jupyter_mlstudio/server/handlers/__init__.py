"""What the browser may ask: one module per area, each ending in its routes."""

from __future__ import annotations

from . import endpoints, experiments, jobs, proxy, quickstart, registry, status
from .base import SETTING

default_handlers = [
    *status.default_handlers,
    *jobs.default_handlers,
    *endpoints.default_handlers,
    *quickstart.default_handlers,
    *registry.default_handlers,
    *experiments.default_handlers,
    *proxy.default_handlers,
]

__all__ = ["SETTING", "default_handlers"]
