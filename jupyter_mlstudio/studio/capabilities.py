"""Import every capability, so that its operations, kinds and controllers are registered."""

from __future__ import annotations

import importlib
import pkgutil

CAPABILITIES = ("jobs", "experiments", "registry", "endpoints", "governance", "aws")

_APART = "jupyter_mlstudio.endpoints.gateway"
"""A process of its own, no part of the studio."""


def load() -> None:
    """Import all modules of all capabilities."""
    for capability in CAPABILITIES:
        name = f"jupyter_mlstudio.{capability}"
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.startswith(_APART):
                importlib.import_module(module.name)
