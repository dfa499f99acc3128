"""Why a job failed, in words its user can act on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from ..core.store import Resource
from ..core.studio import Studio
from .hosts import Host
from .wording import RESTARTED

_SHOWN = 1024
_LAST_LINES = 3
_LINE = 200
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):")


def exit_reason(
    studio: Studio, job: Resource, hosts: Sequence[Host], log_group: str, told: str
) -> str:
    """Return the ``FailureReason`` of a job one of whose containers exited with an error.

    The first 1024 characters of the file ``told`` when the container wrote it, as on SageMaker;
    else the end of its log from the last traceback on. Of several hosts, the first that failed
    counts.
    """
    failure = job.facts["Failure"]
    if failure.get("Interrupted"):
        return RESTARTED
    code, host = failure["ExitCode"], hosts[failure["Host"] - 1]
    where = f" on {host.name}" if len(hosts) > 1 else ""
    if failure["OutOfMemory"]:
        limit = studio.admission.limits(host.instance_type, len(hosts)).memory
        size = f" of {limit / 2**30:.1f} GiB" if limit else ""
        return (
            f"AlgorithmError: The job ran out of memory{where}: it needed more than the "
            f"limit{size} that {host.instance_type} has on this machine, exit code: {code}"
        )
    words = (
        read_told(studio.run_folder(job, host.part) / told)
        or _from_log(studio, job, log_group, job.facts["LogStreams"][host.number - 1])
        or failure["Error"]
        or "The container ended without saying why"
    )
    return f"AlgorithmError: {words[: _SHOWN - 80]}, exit code: {_code(code)}{where}"


def _code(code: int | None) -> str:
    if code is not None and code > 128 and (code - 128) in {int(s) for s in signal.Signals}:
        return f"{code} ({signal.Signals(code - 128).name})"
    return str(code)


def read_told(path: Path) -> str:
    """Return the first 1024 bytes of what a container left to say, as text; nothing if none."""
    # The container made this file: it may be a link to a file of ours, or a pipe.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_SHOWN).decode(errors="replace").strip()


def _from_log(studio: Studio, job: Resource, log_group: str, stream: str) -> str:
    lines = studio.logs(job).tail(log_group, stream, 50)
    starts = [n for n, line in enumerate(lines) if _TRACEBACK.search(line)]
    spoken = [line.strip()[:_LINE] for line in lines if line.strip()]
    text = "\n".join(lines[starts[-1] :] if starts else spoken[-_LAST_LINES:])
    return text if len(text) <= _SHOWN - 80 else f"…{text[-(_SHOWN - 81) :]}"
