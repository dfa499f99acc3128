"""What a kind of jobs says of itself to the controller of all kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..compute.protocol import ContainerSpec
from ..core.clock import since
from ..core.store import Resource
from ..core.studio import Studio
from .cluster import Cluster
from .hosts import Host

LONGEST = 86_400
"""Seconds a job may run whose request names no limit."""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A limit of a job's ``StoppingCondition``, and in how many seconds it is reached."""

    name: str
    left: float


class KindOfJob(ABC):
    """What runs, and what becomes of its results."""

    log_group: ClassVar[str]
    noun: ClassVar[str]
    running: ClassVar[str] = "Training"
    """The step of a job whose containers run."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @abstractmethod
    def hosts(self, job: Resource) -> list[Host]:
        """Return the hosts of a job."""

    @abstractmethod
    def prepare(self, job: Resource, cluster: Cluster, *, fresh: bool) -> list[ContainerSpec]:
        """Make what the containers need; return them, one per host.

        ``fresh`` says that none of them is there yet. Raises :class:`InputError`.
        """

    @abstractmethod
    def publish(self, job: Resource, status: str) -> Mapping[str, Any]:
        """Upload the results of a job that ends in ``status``; return facts to keep."""

    @abstractmethod
    def failure(self, job: Resource) -> str:
        """Return the ``FailureReason`` of a job one of whose containers failed."""

    def begun(self, job: Resource) -> bool:
        """Say whether containers that run, run the job."""
        return True

    def scan(self, job: Resource, stream: str) -> None:  # noqa: B027 - a kind may read no metrics
        """Look at what a log has grown by."""

    def accompany(self, job: Resource) -> float | None:
        """Do what a running job needs; return seconds until it needs it again."""
        return None

    def limits(self, job: Resource) -> list[TimeLimit]:
        """Return when a job has taken too long."""
        if "FirstStarted" not in job.facts:
            return []
        longest = job.wish.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", LONGEST)
        return [TimeLimit("MaxRuntimeExceeded", longest - since(job.facts["FirstStarted"]))]

    def rescue(self, job: Resource) -> None:  # noqa: B027 - a kind may have nothing
        """Save what a failed attempt leaves to the next. Raises botocore's errors and OSError."""

    def leave(self, job: Resource) -> None:  # noqa: B027 - a kind may have nothing
        """Let go of what belongs to a job that has ended. Safe to repeat."""

    def hand_over(self, job: Resource) -> None:  # noqa: B027 - a kind may have nothing
        """Pass on what a next job may have, once the containers are gone. Safe to repeat."""
