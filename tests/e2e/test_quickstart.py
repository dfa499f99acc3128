"""The quickstart notebook, top to bottom, with a container engine and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.studio import client

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "binder" / "quickstart.ipynb"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("compute", [pytest.param("docker", marks=pytest.mark.docker), "process"])
def test_the_quickstart_runs_top_to_bottom(compute: str, tmp_path: Path) -> None:
    executed = tmp_path / "executed.ipynb"
    root = tmp_path / "root"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = [sys.executable, ROOT / "scripts" / "demo.py", "--root", root]
    try:
        done = subprocess.run(
            [*command, "--compute", compute, "--output", executed],
            env={**clean, "PYTHONWARNINGS": "default"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        client.stop(load_settings(root), containers=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "accuracy on 143 tumours" in done.stdout
    assert ("as plain processes" in done.stdout) is (compute == "process")
    cells = nbformat.read(executed, as_version=4).cells
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code")


def test_the_quickstart_needs_nothing_but_boto3() -> None:
    code = "\n".join(
        cell.source
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.cell_type == "code"
    )
    imported = {line.split()[1].split(".")[0] for line in code.splitlines() if "import " in line}
    assert imported == {"io", "os", "time", "boto3", "numpy", "sklearn"}
    assert "mlstudio" not in code.replace("MLStudioExecutionRole", "")


def test_the_notebook_is_committed_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
