"""Why a job failed, in words its user can act on."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from ...core.store import Resource
from ...core.studio import Studio
from .kind import LOG_GROUP

_SHOWN = 1024
_LAST_LINES = 3
_LINE = 200
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")


def exit_reason(studio: Studio, job: Resource, base: Path) -> str:
    """Return the ``FailureReason`` of a job whose container exited with an error.

    The first 1024 characters of ``/opt/ml/output/failure`` when the container wrote it, as on
    SageMaker; else the end of its log from the last traceback on.
    """
    outcome = job.facts["Outcome"]
    code = outcome["ExitCode"]
    if outcome["OutOfMemory"]:
        instance = job.wish["ResourceConfig"]["InstanceType"]
        limit = studio.admission.limits(instance).memory
        size = f" of {limit / 2**30:.1f} GiB" if limit else ""
        return (
            f"AlgorithmError: The job ran out of memory: it needed more than the limit{size} "
            f"that {instance} has on this machine, exit code: {code}"
        )
    told = _read(base / "opt/ml/output/failure") or _from_log(studio, job)
    told = told or outcome["Error"] or "The container ended without saying why"
    return f"AlgorithmError: {told[: _SHOWN - 64]}, exit code: {_code(code)}"


def _code(code: int | None) -> str:
    if code is not None and code > 128 and (code - 128) in {int(s) for s in signal.Signals}:
        return f"{code} ({signal.Signals(code - 128).name})"
    return str(code)


def _read(path: Path) -> str:
    # The container made this file: it may be a link to a file of ours, or a pipe.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_SHOWN).decode(errors="replace").strip()


def _from_log(studio: Studio, job: Resource) -> str:
    lines = studio.logs(job).tail(LOG_GROUP, job.facts["LogStream"], 50)
    starts = [n for n, line in enumerate(lines) if _TRACEBACK.search(line)]
    spoken = [line.strip()[:_LINE] for line in lines if line.strip()]
    text = "\n".join(lines[starts[-1] :] if starts else spoken[-_LAST_LINES:])
    return text if len(text) <= _SHOWN - 64 else f"…{text[-(_SHOWN - 65) :]}"
