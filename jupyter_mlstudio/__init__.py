"""Amazon SageMaker's API, self-hosted inside JupyterLab."""

from __future__ import annotations

from typing import Any

from ._version import __version__

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the prebuilt extension lies."""
    return [{"src": "labextension", "dest": "jupyter-mlstudio"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which extension app to load."""
    from .server.extension import MLStudioExtension

    return [{"module": "jupyter_mlstudio", "app": MLStudioExtension}]
