"""AWS's training toolkit in an environment of its own, made once: the oracle of script mode."""

from __future__ import annotations

from functools import cache

from tests.sdk.conftest import environment


@cache
def toolkit_train() -> str:
    """Return the toolkit's ``train`` command."""
    return str(environment("toolkit") / "train")


@cache
def toolkit_python() -> str:
    """Return the Python that has the toolkit."""
    return str(environment("toolkit") / "python")
