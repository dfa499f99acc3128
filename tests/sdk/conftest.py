"""Clients of AWS in environments of their own, each made once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def environment(name: str) -> Path:
    """Return the programs of an environment, making it the first time."""
    made = subprocess.run(
        [ROOT / "scripts" / "sdk-env", name], check=True, capture_output=True, text=True
    )
    return Path(made.stdout.strip()) / "bin"


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """Give the Python that has the SageMaker SDK v3."""
    return environment("v3") / "python"


@pytest.fixture(scope="session")
def aws_cli() -> Path:
    """Give the folder that has the ``aws`` command."""
    return environment("cli")
