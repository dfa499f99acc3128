"""ListTrainingJobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from ...core.clock import timestamp
from ...core.listing import Listing
from ...core.schema import resources
from ...core.store import Resource
from ...core.studio import Studio
from ...wire.operation import Call, Response, operation
from ..status import IN_PROGRESS, STOPPING
from ..warm.kind import WARM_POOL, pools_of, status_of
from .kind import TRAINING_JOB

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


@dataclass(frozen=True, slots=True)
class _JobListing(Listing):
    """Adds warm pools, and the filter by their status."""

    def summaries(self, call: Call[Studio], rows: Sequence[Resource]) -> list[dict[str, Any]]:
        pools = pools_of(call.app, rows)
        return [_summary(job, pools.get(job.name)) for job in rows]

    def filtered(self, call: Call[Studio], request: Mapping[str, Any]) -> Select[Any]:
        query = Listing.filtered(self, call, request)
        wanted = request.get("WarmPoolStatusEquals")
        if wanted is None:
            return query
        if wanted == "InUse":
            running = call.app.store.select(TRAINING_JOB, status=[IN_PROGRESS, STOPPING])
            keeping = [job.uid for job in running if _keeps(job)]
            return query.where(resources.c.uid.in_(keeping))
        pools = resources.alias("pools")
        parents = select(pools.c.parent).where(
            pools.c.kind == WARM_POOL.name, pools.c.status == wanted
        )
        return query.where(resources.c.arn.in_(parents))


def _keeps(job: Resource) -> bool:
    return bool(job.wish.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"))


def _summary(job: Resource, pool: Resource | None = None) -> dict[str, Any]:
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
    if status := status_of(job, pool):
        summary["WarmPoolStatus"] = status
    return summary


_LISTING = _JobListing(TRAINING_JOB, "TrainingJobSummaries", _summary, order="Ascending")


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(call: Call[Studio], request: t.ListTrainingJobsRequestTypeDef) -> Response:
    """List training jobs. Those of training plans there are none."""
    if request.get("TrainingPlanArnEquals"):
        return {"TrainingJobSummaries": []}
    return _LISTING.answer(call, request)
