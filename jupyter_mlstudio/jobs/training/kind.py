"""What a training job is to the store."""

from __future__ import annotations

from ...core.kinds import Kind, Refusal
from ..status import FINAL

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

TRAINING_JOB = Kind(
    name="TrainingJob",
    path="training-job",
    missing=Refusal("ValidationException", "Requested resource not found."),
    taken=Refusal(
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, "
        "and a training job with this name already exists ({arn})",
    ),
    final=FINAL,
)
