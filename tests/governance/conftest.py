"""A studio whose operations boto3 calls over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.endpoints.world import World


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give one studio to all tests of governance."""
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()
