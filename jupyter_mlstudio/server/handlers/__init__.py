"""What the browser may ask: one module per area, each ending in its routes."""

from __future__ import annotations

from . import (
    endpoints,
    experiments,
    forms,
    jobs,
    logs,
    objects,
    proxy,
    quickstart,
    registry,
    sources,
    status,
    transfers,
)
from .base import SETTING

default_handlers = [
    *status.default_handlers,
    *jobs.default_handlers,
    *endpoints.default_handlers,
    *logs.default_handlers,
    *quickstart.default_handlers,
    *registry.default_handlers,
    *experiments.default_handlers,
    *forms.default_handlers,
    *sources.default_handlers,
    *objects.default_handlers,
    *transfers.default_handlers,
    *proxy.default_handlers,
]

__all__ = ["SETTING", "default_handlers"]
