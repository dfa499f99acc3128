"""What installing us may do to the Jupyter that is there already."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}


@pytest.mark.parametrize("version", ["4.5.0", "4.6.6", "4.7.0", "4.99.0"])
def test_installing_keeps_every_jupyterlab_4(version: str) -> None:
    assert REQUIREMENTS["jupyterlab"].specifier.contains(version)


@pytest.mark.parametrize("name", sorted(name for name in REQUIREMENTS if "jupyter" in name))
def test_what_jupyterlab_needs_we_take_as_it_is(name: str) -> None:
    wanted = [
        requirement
        for requirement in map(Requirement, importlib.metadata.requires("jupyterlab") or [])
        if requirement.name.replace("_", "-") == name
    ]
    ours = REQUIREMENTS[name].specifier
    assert not any(part.operator in ("==", "~=") for part in ours)
    for requirement in wanted:
        # Who has JupyterLab has the newest of these that it allows.
        upper = [part for part in requirement.specifier if part.operator == "<"]
        assert {str(part) for part in ours if part.operator == "<"} <= {str(p) for p in upper}
