"""Functions that run as training jobs, with the SageMaker SDK v3."""

from __future__ import annotations

from typing import Any

from flow import Place, flow, raises
from sagemaker.core.remote_function import RemoteExecutor, remote
from v3 import SESSION, SMALL


def how(place: Place) -> dict[str, Any]:
    """Return where functions run."""
    return {
        "image_uri": place.remote,
        "instance_type": SMALL,
        "role": place.role,
        "sagemaker_session": SESSION,
    }


@flow
def remote_function(place: Place) -> None:
    """A function gives back what it returns."""

    @remote(**how(place))
    def divide(dividend: float, divisor: float) -> float:
        return dividend / divisor

    assert divide(42, divisor=4) == 10.5


@flow
def remote_executor(place: Place) -> None:
    """A function that is submitted raises here what it raised there."""
    with RemoteExecutor(**how(place)) as executor:
        failing = executor.submit(lambda number: number / 0, 1)
        with raises(ZeroDivisionError, "division by zero"):
            failing.result()
    assert failing.done()
