"""Watching a studio while something is done to it: does it answer, how much memory has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

from jupyter_mlstudio.studio import client
from tests.conftest import RunningStudio

SLOWEST = 5.0
"""Seconds in which everything answers, whatever goes on."""
GROWTH = 100 << 20
"""Bytes by which a process may grow."""


@dataclass
class Watch:
    """What was seen meanwhile."""

    times: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Fail where something took too long, failed, or grew."""
        assert self.failures == []
        slow = {name: max(times) for name, times in self.times.items() if max(times) > SLOWEST}
        assert slow == {}
        grown = {name: self.most[name] - self.before[name] for name in self.before}
        assert {name: size >> 20 for name, size in grown.items() if size > GROWTH} == {}

    def summary(self) -> str:
        """Return the figures in a line."""
        slowest = {name: f"{max(times):.2f} s" for name, times in sorted(self.times.items())}
        asked = sum(map(len, self.times.values()))
        grown = {
            name: f"{(self.most[name] - self.before[name]) / 1e6:.0f} MB" for name in self.most
        }
        return f"{asked} requests, slowest {slowest}, grown by {grown}"


@contextmanager
def watched(studio: RunningStudio) -> Iterator[Watch]:
    """Ask everything of a studio again and again, and look at its memory."""
    watch, over = Watch(), threading.Event()
    found = client.find(studio.settings)
    assert found is not None
    pids = {"studio": found.pid, **found.health()["processes"]}
    watch.before = {name: resident(pid) for name, pid in pids.items()}
    watch.most = dict(watch.before)

    def weigh() -> None:
        while not over.wait(0.1):
            for name, pid in pids.items():
                watch.most[name] = max(watch.most[name], resident(pid))

    def ask() -> None:
        asked = questions(studio)
        while not over.is_set():
            for name, question in asked.items():
                began = time.monotonic()
                try:
                    question()
                except Exception as error:
                    watch.failures.append(f"{name}: {error!r}")
                watch.times.setdefault(name, []).append(time.monotonic() - began)
                over.wait(0.02)

    threads = [threading.Thread(target=target) for target in (weigh, ask)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        for thread in threads:
            thread.join()


def questions(studio: RunningStudio) -> dict[str, Callable[[], object]]:
    """Return requests to every process, through clients that do not try again."""
    session = boto3.session.Session()
    once = Config(retries={"total_max_attempts": 1}, read_timeout=60, connect_timeout=60)
    sagemaker, s3, logs, runtime = (
        studio.client(service, session=session, config=once)
        for service in ("sagemaker", "s3", "logs", "sagemaker-runtime")
    )

    def invoke() -> None:
        try:
            runtime.invoke_endpoint(EndpointName="no-such-endpoint", Body=b"x")
        except runtime.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise

    return {
        "ListTrainingJobs": sagemaker.list_training_jobs,
        "ListTrialComponents": lambda: sagemaker.list_trial_components(MaxResults=1),
        "DescribeLogGroups": logs.describe_log_groups,
        "PutObject": lambda: s3.put_object(Bucket=studio.bucket, Key="probe", Body=b"x" * 1024),
        "GetObject": lambda: s3.get_object(Bucket=studio.bucket, Key="probe")["Body"].read(),
        "InvokeEndpoint": invoke,
    }


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has of its own."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields["RssAnon"].split()[0]) * 1024
