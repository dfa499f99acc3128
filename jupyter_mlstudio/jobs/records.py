"""What is recorded of a job once for all, whatever happens to its containers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compute.protocol import ContainerState
from ..core import stumbles
from ..core.clock import moment, now, since
from ..core.store import Draft
from .hosts import Host

OF_AN_ATTEMPT = (
    "Launched",
    "Engine",
    "StartedAt",
    "Started",
    "EndedAt",
    "LogStreams",
    "Failure",
    "InputProblem",
    "WarmPool",
    "ToldAt",
    "Outcome",
    "StoreAway",
    stumbles.FACT,
)
INPUT_PROBLEM = "InputProblem"
"""Fact: why containers did not get all of their input, whatever they made of it."""


def note_start(
    draft: Draft, engine: str, hosts: Sequence[Host], states: Sequence[ContainerState | None]
) -> None:
    """Record that every host has been started, on which engine and when."""
    told = draft.facts.get("ToldAt", 0.0)
    times = [max(state.started_at or now(), told) for state in states if state is not None]
    streams = [
        f"{draft.name}/{host.name}-{int(time)}" for host, time in zip(hosts, times, strict=True)
    ]
    draft.facts.update(Launched=True, Engine=engine)
    ago = now() - min(times)
    draft.facts.setdefault("StartedAt", min(times))
    draft.facts.setdefault("Started", moment(ago))
    draft.facts.setdefault("FirstStarted", moment(ago))
    draft.facts.setdefault("LogStreams", streams)


def note_end(draft: Draft, states: Sequence[ContainerState | None]) -> None:
    """Record when the last host ended: never before it began, nor later than could be."""
    told = max(state.finished_at or now() for state in states if state is not None)
    began: float = draft.facts["StartedAt"]
    longest = since(draft.facts["Started"]) if "Started" in draft.facts else told - began
    # A clock that was set meanwhile tells nothing of how long it took.
    took = told - began if 0 <= told - began <= longest else longest
    draft.facts["EndedAt"] = round(began + took, 3)


def failure_of(host: Host, state: ContainerState) -> dict[str, Any]:
    """Return how the container of a host failed."""
    return {
        "Host": host.number,
        "ExitCode": state.exit_code,
        "OutOfMemory": state.oom_killed,
        "Error": state.error,
        "Interrupted": state.interrupted,
    }


def forget_attempt(draft: Draft) -> None:
    """Drop what was recorded of an attempt, for the next one."""
    for fact in OF_AN_ATTEMPT:
        draft.facts.pop(fact, None)
