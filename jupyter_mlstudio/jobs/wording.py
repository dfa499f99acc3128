"""What jobs say of themselves in their history and their ``FailureReason``."""

from __future__ import annotations

from ..core.studio import Studio
from .cluster import Cluster
from .status import COMPLETED, FAILED, STOPPED

GONE = (
    "InternalServerError: A container of the job is gone: it was removed, or the container "
    "runtime or the machine was restarted. Start the job again."
)

RESTARTED = (
    "InternalServerError: The container runtime or the machine was restarted while the job ran. "
    "Start the job again, or have that done with a RetryStrategy."
)

LAST_MESSAGES = {
    COMPLETED: "completed",
    FAILED: "failed.",
    STOPPED: "stopped",
    "MaxRuntimeExceeded": "runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "wait time exceeded MaxWaitTimeInSeconds provided",
    "MaxPendingTimeExceeded": "pending time exceeded MaxPendingTimeInSeconds provided",
}


def asked(cluster: Cluster) -> str:
    """Say what a job asks for."""
    types = [host.instance_type for host in cluster.hosts]
    counts = {name: types.count(name) for name in dict.fromkeys(types)}
    return ", ".join(f"{'one' if n == 1 else n} {name}" for name, n in counts.items())


def client_error(text: str) -> str:
    """Mark a reason as one that the user can do something about."""
    return text if text.startswith("ClientError") else f"ClientError: {text}"


def running_message(studio: Studio, cluster: Cluster, step: str) -> str:
    """Say that a job runs, and what is different here from SageMaker."""
    notes = [
        studio.engine.note,
        studio.admission.note(cluster.hosts[0].instance_type, len(cluster.hosts)),
    ]
    first = f"{step} image download completed. {step} in progress."
    return " ".join([first, *(note for note in notes if note)])
