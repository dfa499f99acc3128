"""The SageMaker Python SDK v2, unchanged, in its own environment, against a studio on Docker."""

from __future__ import annotations

import pytest

from tests.jobs.test_frameworks import pytorch_studio

from .conftest import Flows, flows_of

__all__ = ["pytorch_studio"]

pytestmark = [pytest.mark.docker, pytest.mark.sdk, pytest.mark.timeout(1200)]

MODULES = ("v2_remote", "v2_training", "v2_processing", "v2_hosting", "v2_errors")


@pytest.mark.parametrize("flow", flows_of(*MODULES))
def test_flow(flows: Flows, flow: str, request: pytest.FixtureRequest) -> None:
    if flow == "pytorch":
        request.getfixturevalue("pytorch_studio")
    problem = flows.run("v2", *MODULES)[flow]
    assert problem is None, f"\n{problem}"
