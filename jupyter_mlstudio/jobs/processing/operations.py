"""The processing job operations of the SageMaker API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._failpoints import reached
from ...core.clock import timestamp
from ...core.listing import Listing
from ...core.store import Resource
from ...core.studio import Studio
from ...experiments.components import forget
from ...wire.operation import Call, Response, operation
from ..wishes import accept, request_stop, require_ended
from .checks import check
from .kind import PROCESSING_JOB

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


@operation("sagemaker", "CreateProcessingJob")
def create_processing_job(
    call: Call[Studio], request: t.CreateProcessingJobRequestTypeDef
) -> Response:
    """Accept a processing job; it starts as soon as the machine has room for it."""
    check(call.app, request)
    job = accept(call, PROCESSING_JOB, "processing job", request)
    reached("processing.create.stored")
    return {"ProcessingJobArn": job.arn}


@operation("sagemaker", "DescribeProcessingJob")
def describe_processing_job(
    call: Call[Studio], request: t.DescribeProcessingJobRequestTypeDef
) -> Response:
    """Return the wish and the state of a processing job."""
    job = call.app.store.get(
        PROCESSING_JOB, call.account, call.region, request["ProcessingJobName"]
    )
    answer = {
        **job.wish,
        **_state(job),
        "ProcessingInputs": job.wish.get("ProcessingInputs", []),
        "ProcessingOutputConfig": {"KmsKeyId": ""}
        | job.wish.get("ProcessingOutputConfig", {"Outputs": []}),
        "Environment": job.wish.get("Environment", {}),
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": False,
            "EnableNetworkIsolation": False,
        }
        | job.wish.get("NetworkConfig", {}),
        "StoppingCondition": job.wish.get("StoppingCondition", {"MaxRuntimeInSeconds": 86_400}),
    }
    if started := job.facts.get("StartedAt"):
        answer["ProcessingStartTime"] = timestamp(started)
    return answer


def _state(job: Resource) -> dict[str, Any]:
    state = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "CreationTime": timestamp(job.created),
        "LastModifiedTime": timestamp(job.modified),
    }
    if ended := job.facts.get("EndedAt"):
        state["ProcessingEndTime"] = timestamp(ended)
    for member in ("FailureReason", "ExitMessage"):
        if said := job.facts.get(member):
            state[member] = said
    return state


_LISTING = Listing(PROCESSING_JOB, "ProcessingJobSummaries", _state, order="Ascending")


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(
    call: Call[Studio], request: t.ListProcessingJobsRequestTypeDef
) -> Response:
    """List processing jobs."""
    return _LISTING.answer(call, request)


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(call: Call[Studio], request: t.StopProcessingJobRequestTypeDef) -> None:
    """Ask a job to stop: SIGTERM, and SIGKILL 120 seconds later."""
    store = call.app.store
    job = store.get(PROCESSING_JOB, call.account, call.region, request["ProcessingJobName"])
    request_stop(store, job, "processing job")


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(call: Call[Studio], request: t.DeleteProcessingJobRequestTypeDef) -> None:
    """Forget a finished job with its trial component, and free its name. Its outputs stay."""
    store = call.app.store
    job = store.get(PROCESSING_JOB, call.account, call.region, request["ProcessingJobName"])
    require_ended(job, "processing job")
    with call.app.database.write():
        forget(call.app, job)
        reached("processing.delete.forgotten")
        store.delete(job.uid)
