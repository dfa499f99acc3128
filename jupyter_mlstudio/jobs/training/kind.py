"""What a training job is to the store, and the names of its states.

Statuses and their order follow AWS's description of ``SecondaryStatus`` in ``DescribeTrainingJob``.
"""

from __future__ import annotations

from ...core.kinds import Kind, Refusal

IN_PROGRESS = "InProgress"
STOPPING = "Stopping"
COMPLETED = "Completed"
FAILED = "Failed"
STOPPED = "Stopped"
FINAL = frozenset({COMPLETED, FAILED, STOPPED})

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
