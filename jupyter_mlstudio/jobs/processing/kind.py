"""What a processing job is to the store."""

from __future__ import annotations

from ...core.kinds import Kind, Refusal
from ..status import FINAL

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"

PROCESSING_JOB = Kind(
    name="ProcessingJob",
    path="processing-job",
    missing=Refusal("ValidationException", "Could not find requested job with name: {name}"),
    taken=Refusal(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, "
        "and a job with this name already exists ({arn})",
    ),
    final=FINAL,
)
