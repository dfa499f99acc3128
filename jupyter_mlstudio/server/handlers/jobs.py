"""Training jobs, as panels show them."""

from __future__ import annotations

from collections import OrderedDict
from statistics import median
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..client import gather
from ..connection import StudioConnection
from .base import NAME, Document, StudioHandler, answers

FINISHED = "mlstudio_finished_jobs"
"""Key of the rows of finished jobs in the web application's settings."""

RUNS = 10
"""Earlier runs from which is told how long one takes."""

FINAL = ("Completed", "Failed", "Stopped")
MEMBERS = (
    "CreationTime",
    "FailureReason",
    "FinalMetricDataList",
    "LastModifiedTime",
    "ResourceConfig",
    "SecondaryStatus",
    "TrainingEndTime",
    "TrainingJobArn",
    "TrainingJobName",
    "TrainingJobStatus",
    "TrainingStartTime",
)
"""What a row needs of a description; a summary has neither metrics nor the failure."""


class FinishedJobs:
    """Rows of jobs that will not change any more, the latest seen first to stay.

    Keyed by ARN and creation time: a name may be used again after its job was deleted.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self._rows: OrderedDict[tuple[str, Any], Document] = OrderedDict()
        self._capacity = capacity

    def get(self, summary: Document) -> Document | None:
        """Return the row of a finished job, if it was seen."""
        row = self._rows.get(self._key(summary))
        changed = row is not None and row["LastModifiedTime"] != summary.get("LastModifiedTime")
        return None if changed else row

    def add(self, row: Document) -> None:
        """Keep the row of a finished job."""
        if row["TrainingJobStatus"] in FINAL:
            self._rows[self._key(row)] = row
            while len(self._rows) > self._capacity:
                self._rows.popitem(last=False)

    @staticmethod
    def _key(row: Document) -> tuple[str, Any]:
        return row["TrainingJobArn"], row["CreationTime"]


async def list_training_jobs(
    studio: StudioConnection, finished: FinishedJobs, page: Document
) -> Document:
    """Return a page of training jobs, latest first.

    Only running jobs, and finished ones not seen before, are described.
    """
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", **page}
    answer = await studio.call("sagemaker", "ListTrainingJobs", request)

    async def row(summary: Document) -> Document:
        known = finished.get(summary)
        if known is not None:
            return known
        name = {"TrainingJobName": summary["TrainingJobName"]}
        job = await studio.call("sagemaker", "DescribeTrainingJob", name)
        described = {member: job[member] for member in MEMBERS if member in job}
        finished.add(described)
        return described

    items = await gather([row(summary) for summary in answer["TrainingJobSummaries"]])
    return {"items": items, "nextToken": answer.get("NextToken")}


async def training_job(studio: StudioConnection, name: str) -> Document:
    """Return the description of one job, and while it runs what is to be expected of it.

    ``waiting`` is its place in the queue for room on the machine, while it has one; ``expected``
    how many seconds the median of the last runs of its kind took, if there are any.
    """
    job = await studio.call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": name})
    if job["TrainingJobStatus"] != "InProgress":
        return {"job": job}
    arn = {"ResourceArn": job["TrainingJobArn"]}
    place, seconds = await gather(
        [studio.call("mlstudio", "GetQueuePosition", arn), _earlier_runs(studio, job)]
    )
    return {
        "job": job,
        **({"waiting": _place(place)} if "Position" in place else {}),
        **({"expected": median(seconds["taken"])} if seconds["taken"] else {}),
    }


def _place(answer: Document) -> Document:
    return {"position": answer["Position"], "count": answer["WaitingCount"]}


async def _earlier_runs(studio: StudioConnection, job: Document) -> Document:
    """Return the seconds that the last jobs with the same image and machine trained."""
    resources = job.get("ResourceConfig", {})
    alike = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification.TrainingImage": job["AlgorithmSpecification"].get("TrainingImage"),
        "ResourceConfig.InstanceType": resources.get("InstanceType"),
        "HyperParameters.sagemaker_program": job.get("HyperParameters", {}).get(
            "sagemaker_program"
        ),
    }
    filters = [
        {"Name": name, "Operator": "Equals", "Value": value}
        for name, value in alike.items()
        if value
    ]
    answer = await studio.call(
        "sagemaker",
        "Search",
        {
            "Resource": "TrainingJob",
            "SearchExpression": {"Filters": filters},
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": RUNS,
        },
    )
    found = [result["TrainingJob"] for result in answer["Results"]]
    return {
        "taken": [run["TrainingTimeInSeconds"] for run in found if "TrainingTimeInSeconds" in run]
    }


class JobsHandler(StudioHandler):
    """All training jobs."""

    @web.authenticated
    @authorized
    @answers
    async def get(self) -> Document:
        """List a page."""
        finished = self.settings.setdefault(FINISHED, FinishedJobs())
        return await list_training_jobs(self.studio, finished, self.page())


class JobHandler(StudioHandler):
    """One training job."""

    @web.authenticated
    @authorized
    @answers
    async def get(self, name: str) -> Document:
        """Describe it."""
        return await training_job(self.studio, name)


default_handlers = [
    (r"/mlstudio/jobs", JobsHandler),
    (rf"/mlstudio/jobs/{NAME}", JobHandler),
]
