"""How long jobs wait for an S3 that is away, and what they say meanwhile."""

from __future__ import annotations

from boto3.exceptions import Boto3Error, S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from ..core.clock import moment, since
from ..core.store import Resource
from ..core.studio import Studio
from .status import IN_PROGRESS

STORE_PATIENCE = 1800.0
"""Seconds for which S3 may be away before a job that reads or writes there fails."""

S3_ERRORS = (BotoCoreError, ClientError, Boto3Error)
"""What a client of S3 raises."""

_LONGEST = 15.0
_MINUTES = f"{STORE_PATIENCE / 60:g} minutes"


def wait_for_input(studio: Studio, job: Resource) -> float | None:
    """Note that the store of a job's input is away; return seconds to wait, None to give up."""
    with studio.store.edit(job.uid) as draft:
        away = draft.facts.setdefault("StoreAway", {"Since": moment(), "Tries": 0})
        away["Tries"] += 1
        if draft.status == IN_PROGRESS:
            said = f"Waiting for input data: S3 is away, and is tried again for {_MINUTES}"
            draft.step(draft.facts["SecondaryStatus"], said)
    if since(away["Since"]) > STORE_PATIENCE:
        return None
    return float(min(2 ** away["Tries"], _LONGEST))


def keep_results(studio: Studio, job: Resource, error: Exception) -> bool:
    """Note that S3 does not take a job's results, and why; say whether to try again."""
    if since(job.facts["UploadingSince"]) > STORE_PATIENCE:
        return False
    with studio.store.edit(job.uid) as draft:
        said = f"S3 does not take the results ({_why(error)})"
        draft.step("Uploading", f"{said}: they are kept here, and tried again for {_MINUTES}")
    return True


def _why(error: Exception) -> str:
    """Return in a word why a request failed: the same word each time, as histories show it."""
    cause = error.__context__ if isinstance(error, S3UploadFailedError) else error
    if isinstance(cause, ClientError):
        return str(cause.response.get("Error", {}).get("Code") or "refused")
    return type(cause or error).__name__
