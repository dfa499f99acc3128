"""The queue for room on the machine, as one who waits sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlstudio.aws.queue import get_queue_position
from jupyter_mlstudio.compute.protocol import Limits
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, Caller, Response
from tests.jobs.local import job_row, local_studio


def position(studio: Studio, arn: str) -> Response | None:
    caller = Caller(studio.settings.account, studio.settings.region, "key", "arn")
    call = Call(studio, "mlstudio", "GetQueuePosition", caller, "request")
    return get_queue_position(call, {"ResourceArn": arn})


def test_who_waits_is_told_its_place(tmp_path: Path) -> None:
    with local_studio(tmp_path, {}) as studio:
        jobs = [job_row(studio, f"job-{number}") for number in range(3)]
        everything = Limits(cpus=studio.admission.machine.cpus, memory=1 << 20)
        for job in jobs:
            studio.admission.reserve(f"mls-{studio.settings.studio_id}-{job.uid}", everything)
        assert [position(studio, job.arn) for job in jobs] == [
            {"WaitingCount": 2},
            {"WaitingCount": 2, "Position": 1},
            {"WaitingCount": 2, "Position": 2},
        ]
        with pytest.raises(AWSError, match="no resource arn:aws:x"):
            position(studio, "arn:aws:x")
