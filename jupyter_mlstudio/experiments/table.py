"""Runs as rows of a table: when they ran, how they went, and their parameters as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..core.store import Resource
from .sources import parameters


@dataclass(frozen=True)
class Run:
    """A trial component and the job it is of, where there is one."""

    component: Resource
    job: Resource | None

    @property
    def source_arn(self) -> str:
        """The ARN of its job, or nothing."""
        return str(self.component.wish.get("SourceArn", ""))

    @property
    def status(self) -> str:
        """The primary status, or nothing."""
        given = self.component.wish.get("Status", {}).get("PrimaryStatus", "")
        return str(given or (self.job.status if self.job else ""))

    @property
    def started(self) -> float | None:
        """When it started, in seconds since 1970."""
        return self._time("StartTime", "StartedAt")

    @property
    def ended(self) -> float | None:
        """When it ended, in seconds since 1970."""
        return self._time("EndTime", "EndedAt")

    def parameters(self) -> dict[str, str]:
        """Return its parameters as text; those written to it go before those of its job."""
        shown = {**(parameters(self.job) if self.job else {})}
        shown |= self.component.wish.get("Parameters", {})
        return {name: _text(value) for name, value in shown.items()}

    def _time(self, member: str, fact: str) -> float | None:
        moment = self.component.wish.get(member)
        if moment is None and self.job is not None:
            moment = self.job.facts.get(fact)
        return None if moment is None else float(moment)


class RunColumns:
    """The parameters of runs, as columns."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        return [run.parameters() for run in self._runs]

    def summaries(self) -> list[dict[str, Any]]:
        """Say of each parameter how many runs have it and how many values it has, by name."""
        counts: dict[str, int] = {}
        values: dict[str, set[str]] = {}
        for row in self._rows:
            for name, text in row.items():
                counts[name] = counts.get(name, 0) + 1
                values.setdefault(name, set()).add(text)
        return [
            {"ParameterName": name, "RunCount": counts[name], "ValueCount": len(values[name])}
            for name in sorted(counts)
        ]

    def coded(self, name: str) -> tuple[list[str], list[int]]:
        """Return the values of a parameter, and of each run the index of its own, or -1."""
        places: dict[str, int] = {}
        codes = []
        for row in self._rows:
            text = row.get(name)
            codes.append(-1 if text is None else places.setdefault(text, len(places)))
        return list(places), codes


def _text(value: dict[str, Any]) -> str:
    if "StringValue" in value:
        return str(value["StringValue"])
    number = value.get("NumberValue", 0.0)
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)
