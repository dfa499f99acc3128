"""Why a job cannot have its input data."""

from __future__ import annotations


class InputError(Exception):
    """An input cannot be made; the text is a failure reason for the user."""


def download_failed(reason: str) -> InputError:
    """Return the error SageMaker gives for data that it cannot get."""
    return InputError(f"ClientError: Data download failed: {reason}")
