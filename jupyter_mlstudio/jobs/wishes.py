"""What the operations of all kinds of jobs do with the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._failpoints import reached
from ..core.kinds import Kind
from ..core.listing import tag_map
from ..core.store import Resource, Store
from ..core.studio import Studio
from ..experiments.components import track
from ..wire.errors import validation_error
from ..wire.operation import Call
from .status import FINAL, IN_PROGRESS, STOPPING


def accept(
    call: Call[Studio],
    kind: Kind,
    noun: str,
    request: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> Resource:
    """Store a new job, named by the member ``<kind>Name`` of a checked request, and its component.

    Raises the kind's taken error when the name is in use.
    """
    labels = tag_map(request.get("Tags"))
    with call.app.database.write():
        job = call.app.store.create(
            kind,
            call.account,
            call.region,
            request[f"{kind.name}Name"],
            wish={key: value for key, value in request.items() if key != "Tags"},
            facts={"SecondaryStatus": "Starting", **(facts or {})},
            status=IN_PROGRESS,
            labels=labels,
            step=("Starting", f"Starting the {noun}"),
        )
        track(call.app, job)
    return job


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


def require_ended(job: Resource, noun: str) -> None:
    """Raise ``ValidationException`` for a job that has not ended, and cannot be deleted."""
    if job.status not in FINAL:
        raise validation_error(
            f"The request was rejected because the {noun} is in status {job.status}. "
            "Only jobs that are Completed, Failed or Stopped can be deleted."
        )
