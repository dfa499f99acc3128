"""Where SageMaker's folders are: below ``/opt/ml``, or wherever ``SAGEMAKER_BASE_DIR`` says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def base() -> Path:
    """Return the folder that stands for ``/opt/ml``."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def model() -> Path:
    """Return the folder of the model: written by training, read by serving."""
    return base() / "model"


def code() -> Path:
    """Return the folder the user's code is unpacked to."""
    return base() / "code"


def packages() -> Path:
    """Return the folder of a job's own Python packages, where it shares Python with others."""
    return base() / "packages"


def input_config() -> Path:
    """Return the folder of the job's configuration files."""
    return base() / "input" / "config"


def channel(name: str) -> Path:
    """Return the folder with the data of an input channel."""
    return base() / "input" / "data" / name


def output() -> Path:
    """Return the folder of ``success``, ``failure`` and everything uploaded beside the model."""
    return base() / "output"


def output_data() -> Path:
    """Return the folder that becomes ``output.tar.gz``."""
    return output() / "data"


def read_config(name: str) -> dict[str, Any]:
    """Read a JSON file of the configuration folder; empty when there is none."""
    path = input_config() / name
    return dict(json.loads(path.read_text())) if path.exists() else {}
