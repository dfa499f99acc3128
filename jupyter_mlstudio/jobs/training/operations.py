"""The training job operations of the SageMaker API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.clock import timestamp
from ...core.listing import Listing, tag_map
from ...core.store import Resource
from ...core.studio import Studio
from ...experiments.components import forget
from ...wire.errors import AWSError, validation_error
from ...wire.operation import Call, Response, operation
from ..status import FINAL, IN_PROGRESS
from ..stopping import request_stop
from .checks import check
from .folders import check_folders
from .kind import TRAINING_JOB
from .metrics import definitions

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


_UPDATED = ("ProfilerConfig", "ProfilerRuleConfigurations")


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(call: Call[Studio], request: t.CreateTrainingJobRequestTypeDef) -> Response:
    """Accept a training job; it starts as soon as the machine has room for it."""
    check(call.app, request)
    wish = {key: value for key, value in request.items() if key != "Tags"}
    job = call.app.store.create(
        TRAINING_JOB,
        call.account,
        call.region,
        request["TrainingJobName"],
        wish=wish,
        facts={"SecondaryStatus": "Starting"},
        status=IN_PROGRESS,
        labels=tag_map(request.get("Tags")),
        step=("Starting", "Starting the training job"),
    )
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(
    call: Call[Studio], request: t.DescribeTrainingJobRequestTypeDef
) -> Response:
    """Return the wish and the state of a training job."""
    studio = call.app
    job = studio.store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    facts = job.facts
    answer = {
        **job.wish,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": facts["SecondaryStatus"],
        "CreationTime": timestamp(job.created),
        "LastModifiedTime": timestamp(job.modified),
        "SecondaryStatusTransitions": _transitions(studio, job),
        "ModelArtifacts": {"S3ModelArtifacts": facts.get("ModelArtifacts", "")},
        "HyperParameters": job.wish.get("HyperParameters", {}),
        "InputDataConfig": job.wish.get("InputDataConfig", []),
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"}
        | job.wish["OutputDataConfig"],
        "AlgorithmSpecification": {
            **job.wish["AlgorithmSpecification"],
            "MetricDefinitions": definitions(job.wish),
        },
        "FinalMetricDataList": [
            {"MetricName": p.name, "Value": p.value, "Timestamp": timestamp(p.time)}
            for p in studio.metrics.last(job.arn)
        ],
    }
    for member in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        answer.setdefault(member, False)
    if started := facts.get("StartedAt"):
        answer["TrainingStartTime"] = timestamp(started)
    if ended := facts.get("EndedAt"):
        answer["TrainingEndTime"] = timestamp(ended)
    if started and ended:
        answer["TrainingTimeInSeconds"] = max(1, round(ended - started))
        answer["BillableTimeInSeconds"] = answer["TrainingTimeInSeconds"] * job.wish[
            "ResourceConfig"
        ].get("InstanceCount", 1)
    if reason := facts.get("FailureReason"):
        answer["FailureReason"] = reason
    return answer


def _summary(job: Resource) -> dict[str, Any]:
    summary = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": timestamp(job.created),
        "LastModifiedTime": timestamp(job.modified),
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.facts["SecondaryStatus"],
    }
    if ended := job.facts.get("EndedAt"):
        summary["TrainingEndTime"] = timestamp(ended)
    return summary


_LISTING = Listing(TRAINING_JOB, "TrainingJobSummaries", _summary, order="Ascending")


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(call: Call[Studio], request: t.ListTrainingJobsRequestTypeDef) -> Response:
    """List training jobs. Jobs of warm pools and training plans there are none."""
    if request.get("WarmPoolStatusEquals") or request.get("TrainingPlanArnEquals"):
        return {"TrainingJobSummaries": []}
    return _LISTING.answer(call, request)


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(call: Call[Studio], request: t.StopTrainingJobRequestTypeDef) -> None:
    """Ask a job to stop: SIGTERM, and SIGKILL 120 seconds later. Its model is still kept."""
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    request_stop(store, job, "training job")


@operation("sagemaker", "UpdateTrainingJob")
def update_training_job(call: Call[Studio], request: t.UpdateTrainingJobRequestTypeDef) -> Response:
    """Change the profiler configuration of a job that has not ended."""
    for member in ("ResourceConfig", "RemoteDebugConfig"):
        if member in request:
            raise AWSError(
                "UnsupportedOperation",
                f"UpdateTrainingJob: this studio does not support {member} yet.",
            )
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    with store.edit(job.uid) as draft:
        if draft.status != IN_PROGRESS:
            raise validation_error(
                f"The request was rejected because the training job is in status {draft.status}."
            )
        changed = {**draft.wish, **{k: v for k, v in request.items() if k in _UPDATED}}
        profiler = request.get("ProfilerConfig")
        if profiler:
            changed["ProfilerConfig"] = {**draft.wish.get("ProfilerConfig", {}), **profiler}
        check_folders(changed)
        draft.wish = changed
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(call: Call[Studio], request: t.DeleteTrainingJobRequestTypeDef) -> None:
    """Forget a finished job with its metrics and trial component, and free its name.

    Its artifacts stay in S3, and its log stays.
    """
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    if job.status not in FINAL:
        raise validation_error(
            f"The request was rejected because the training job is in status {job.status}. "
            "Only jobs that are Completed, Failed or Stopped can be deleted."
        )
    forget(call.app, job)
    store.delete(job.uid)


def _transitions(studio: Studio, job: Resource) -> list[dict[str, Any]]:
    steps = []
    for step in studio.store.history(job.uid):
        entry = {
            "Status": step.status,
            "StartTime": timestamp(step.started),
            "StatusMessage": step.message,
        }
        if step.ended is not None or step.status in FINAL | {"MaxRuntimeExceeded"}:
            entry["EndTime"] = timestamp(step.ended or step.started)
        steps.append(entry)
    return steps
