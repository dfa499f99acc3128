"""AWS's training toolkit in an environment of its own, made once: the oracle of script mode."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

VERSION = "5.1.4"
_CACHE = Path(__file__).parents[2] / ".cache" / f"sagemaker-training-{VERSION}"


@cache
def toolkit_train() -> str:
    """Return the toolkit's ``train`` command; skip the test where it cannot be installed."""
    command = _CACHE / "bin" / "train"
    if not command.exists():
        _CACHE.parent.mkdir(exist_ok=True)
        package = f"sagemaker-training=={VERSION}"
        for step in (
            [sys.executable, "-m", "venv", "--clear", str(_CACHE)],
            [str(_CACHE / "bin" / "python"), "-m", "pip", "install", "-q", package],
        ):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{package} cannot be installed: {done.stderr[-300:]}")
    return str(command)
