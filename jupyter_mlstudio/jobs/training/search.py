"""Training jobs in Search."""

from __future__ import annotations

from typing import Any

from ...core.clock import timestamp
from ...core.schema import resources
from ...core.search.records import Searchable
from ...core.store import Resource
from .kind import TRAINING_JOB


def _outline(job: Resource) -> dict[str, Any]:
    facts = job.facts
    outline: dict[str, Any] = {
        **job.wish,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": facts["SecondaryStatus"],
        "CreationTime": timestamp(job.created),
        "LastModifiedTime": timestamp(job.modified),
        "FailureReason": facts.get("FailureReason"),
    }
    for fact, member in (("StartedAt", "TrainingStartTime"), ("EndedAt", "TrainingEndTime")):
        if fact in facts:
            outline[member] = timestamp(facts[fact])
    return outline


_FURTHER = frozenset(
    {
        "BillableTimeInSeconds",
        "FinalMetricDataList",
        "ModelArtifacts",
        "SecondaryStatusTransitions",
        "TrainingTimeInSeconds",
        "WarmPoolStatus",
    }
)

SEARCH = Searchable(
    "TrainingJob",
    TRAINING_JOB,
    "DescribeTrainingJob",
    "TrainingJobName",
    outline=_outline,
    further=_FURTHER,
    columns={
        "TrainingJobName": resources.c.name,
        "TrainingJobArn": resources.c.arn,
        "TrainingJobStatus": resources.c.status,
        "CreationTime": resources.c.created,
        "LastModifiedTime": resources.c.modified,
    },
)
