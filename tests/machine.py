"""What a test does on a machine that lacks something it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true"


def lacks(what: str) -> NoReturn:
    """Skip the test visibly; in CI, which must have everything, fail it."""
    if IN_CI:
        pytest.fail(f"{what}; CI must have it", pytrace=False)
    pytest.skip(what)
