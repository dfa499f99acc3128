"""The foreign image, once for all."""

import pytest

from .images import build


@pytest.fixture(scope="session")
def foreign_image() -> str:
    """Give the tag of an image that follows SageMaker's contract and nothing else."""
    return build()
