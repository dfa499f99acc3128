"""A job's folders, and the runtime that images hold, importable as it is inside one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from .support import RUNTIME, Client, Job, start_server

sys.path.insert(0, str(RUNTIME))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    base = tmp_path / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (base / folder).mkdir(parents=True)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    return Job(base)


@pytest.fixture(scope="session")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    """Return 569 rows of 30 features, and their labels 0 and 1."""
    features, labels = load_breast_cancer(return_X_y=True)
    return features.astype(np.float32), labels.astype(np.float32)


@pytest.fixture
def served(job: Job) -> Iterator[Callable[..., Client]]:
    """Yield a function that starts ``serve`` and returns its address."""
    running: list[subprocess.Popen[str]] = []

    def start(**variables: str) -> Client:
        process, client = start_server(job, variables)
        running.append(process)
        return client

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=30)
