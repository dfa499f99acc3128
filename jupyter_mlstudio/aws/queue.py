"""Who waits for room on the machine."""

from __future__ import annotations

from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation


@operation("mlstudio", "GetQueuePosition")
def get_queue_position(call: Call[Studio], request: Request) -> Response:
    """Say at which place a resource waits for room, and how many wait."""
    arn = request["ResourceArn"]
    resource = call.app.store.by_arn(arn)
    if resource is None:
        raise AWSError("ResourceNotFound", f"There is no resource {arn}.")
    # An endpoint may wait with several containers.
    uids = list(dict.fromkeys(call.app.owner_uid(name) for name in call.app.admission.waiting()))
    answer: Response = {"WaitingCount": len(uids)}
    return {**answer, "Position": uids.index(resource.uid) + 1} if resource.uid in uids else answer
