"""One studio that is asked without HTTP, with a resource of every kind in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .direct import Direct
from .seeds import seed


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    """Give a studio of its own to every module."""
    made = Direct(tmp_path_factory.mktemp("direct") / "root")
    seed(made)
    yield made
    made.close()
