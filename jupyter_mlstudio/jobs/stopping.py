"""Asking a job to stop."""

from __future__ import annotations

from .._failpoints import reached
from ..core.store import Resource, Store
from ..wire.errors import validation_error
from .status import FINAL, STOPPING


def request_stop(store: Store, job: Resource, noun: str) -> None:
    """Have a job stopped; a second request changes nothing.

    Raises ``ValidationException`` for one that has ended.
    """
    with store.edit(job.uid) as draft:
        if draft.status in FINAL:
            raise validation_error(
                f"The request was rejected because the {noun} is in status {draft.status}."
            )
        if draft.status != STOPPING:
            draft.status = STOPPING
            draft.facts["SecondaryStatus"] = "Stopping"
            draft.step("Stopping", f"Stopping the {noun}")
    reached("job.stop.stored")
