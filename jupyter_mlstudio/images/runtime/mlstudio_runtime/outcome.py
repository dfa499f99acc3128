"""How a job tells SageMaker that it went well, or why it did not."""

from __future__ import annotations

from . import paths


class UserError(Exception):
    """The job cannot work as configured; the message says what to change."""


def record_success() -> None:
    """Leave ``/opt/ml/output/success``."""
    paths.output().mkdir(parents=True, exist_ok=True)
    (paths.output() / "success").touch()


def record_failure(reason: str) -> None:
    """Write ``/opt/ml/output/failure`` unless the user's code wrote one already.

    SageMaker shows its first 1024 characters as the job's ``FailureReason``.
    """
    paths.output().mkdir(parents=True, exist_ok=True)
    path = paths.output() / "failure"
    if not path.exists():
        path.write_text(reason)
