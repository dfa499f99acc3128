"""Which framework this image is for, and whether this Python has it."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib import import_module
from types import ModuleType

from .outcome import UserError

PYTORCH = "pytorch"
SKLEARN = "sklearn"
TENSORFLOW = "tensorflow"
XGBOOST = "xgboost"
_PACKAGES = {
    PYTORCH: "torch",
    SKLEARN: "scikit-learn",
    TENSORFLOW: "tensorflow-cpu",
    XGBOOST: "xgboost-cpu",
}
_MODULES = {PYTORCH: "torch"}


def name() -> str:
    """Return ``MLSTUDIO_FRAMEWORK``, which the image or process compute sets."""
    return os.environ.get("MLSTUDIO_FRAMEWORK") or XGBOOST


def check() -> None:
    """Refuse to run without the framework, which process compute may lack.

    Raises
    ------
    UserError
        It is not installed. The message says how to get it.
    """
    framework = name()
    module = _MODULES.get(framework, framework)
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"The image mlstudio/{framework} needs '{module}', which {sys.executable} does not "
            "have. Without a container engine jobs and endpoints run in that Python: "
            f"`{sys.executable} -m pip install {_PACKAGES.get(framework, framework)}`."
        )


def handlers() -> ModuleType:
    """Return the framework's ``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn``."""
    return import_module(f"{__package__}.handlers.{name()}")
