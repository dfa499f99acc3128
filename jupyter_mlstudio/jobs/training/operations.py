"""The training job operations of the SageMaker API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._failpoints import reached
from ...core.clock import moment, timestamp
from ...core.store import Resource, Store
from ...core.studio import Studio
from ...experiments.components import forget
from ...wire.errors import AWSError, validation_error
from ...wire.operation import Call, Response, operation
from ..status import FINAL, IN_PROGRESS
from ..warm.kind import close_pool, describe, extend
from ..wishes import accept, request_stop, require_ended
from .checks import check
from .folders import check_folders
from .kind import TRAINING_JOB
from .metrics import definitions

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


def _keep_alive(studio: Studio, job: Resource, seconds: int) -> None:
    """Change for how long the warm pool of a job is kept."""
    if job.status in FINAL and not extend(studio, job, seconds):
        raise validation_error(f"The warm pool of training job {job.name} is no longer available.")
    with studio.store.edit(job.uid) as draft:
        draft.wish["ResourceConfig"]["KeepAlivePeriodInSeconds"] = seconds


def _require_pool(studio: Studio, job: Resource) -> None:
    if describe(studio, job) is None:
        raise validation_error(
            f"The training job {job.name} has no warm pool: it was created without "
            "KeepAlivePeriodInSeconds."
        )


_UPDATED = ("ProfilerConfig", "ProfilerRuleConfigurations")


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(call: Call[Studio], request: t.CreateTrainingJobRequestTypeDef) -> Response:
    """Accept a training job; it starts as soon as the machine has room for it."""
    check(call.app, request)
    job = accept(call, TRAINING_JOB, "training job", request, {"Accepted": moment()})
    reached("training.create.stored")
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
    if pool := describe(studio, job):
        answer["WarmPoolStatus"] = pool
    if reason := facts.get("FailureReason"):
        answer["FailureReason"] = reason
    return answer


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(call: Call[Studio], request: t.StopTrainingJobRequestTypeDef) -> None:
    """Ask a job to stop: SIGTERM, and SIGKILL 120 seconds later. Its model is still kept."""
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    request_stop(store, job, "training job")


@operation("sagemaker", "UpdateTrainingJob")
def update_training_job(call: Call[Studio], request: t.UpdateTrainingJobRequestTypeDef) -> Response:
    """Change the profiler configuration of a job that has not ended, and the time of its pool."""
    if "RemoteDebugConfig" in request:
        raise AWSError(
            "UnsupportedOperation",
            "UpdateTrainingJob: this studio does not support RemoteDebugConfig yet.",
        )
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    keep = "ResourceConfig" in request
    if keep:
        _require_pool(call.app, job)
    if not keep or any(member in request for member in _UPDATED):
        _update_profiler(store, job, request)
    if keep:
        _keep_alive(call.app, job, request["ResourceConfig"]["KeepAlivePeriodInSeconds"])
    return {"TrainingJobArn": job.arn}


def _update_profiler(store: Store, job: Resource, request: Mapping[str, Any]) -> None:
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


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(call: Call[Studio], request: t.DeleteTrainingJobRequestTypeDef) -> None:
    """Forget a finished job with its metrics and trial component, and free its name.

    Its artifacts stay in S3, and its log stays.
    """
    store = call.app.store
    job = store.get(TRAINING_JOB, call.account, call.region, request["TrainingJobName"])
    require_ended(job, "training job")
    with call.app.database.write():
        close_pool(call.app, job)
        reached("training.delete.closed")
        forget(call.app, job)
        reached("training.delete.forgotten")
        store.delete(job.uid)
    reached("training.delete.deleted")


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
