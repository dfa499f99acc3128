"""Fixtures of the studio process: roots of its own, and a home without AWS files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.studio import client
from tests.postgres import chosen


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home folder of somebody without AWS credentials the process's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in os.environ:
        if name.startswith(("AWS_", "SAGEMAKER_", "MLSTUDIO_", "XDG_CONFIG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Return settings of a fresh root, whose path has a space and a quote; stop its studio."""
    root = tmp_path / "it's a root"
    yield load_settings(root, compute="process", **chosen())
    client.stop(load_settings(root), containers=True)
