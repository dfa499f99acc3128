"""The places for replicas that a plan has, and what is recorded of each.

``facts["Slots"]`` of an endpoint maps a slot's key to what its controller has seen there::

    {
        "Variant": "AllTraffic",
        "Attempt": 1,
        "Launched": {"Wall": 1700000000.0, ...},
        "Healthy": {"Wall": 1700000009.0, ...},
        "Address": ["127.0.0.1", 1],
        "Failures": 1,
        "Failed": {"Wall": 1699999999.0, ...},
        "Pause": 1.0,
    }

Times are moments (see ``core.clock``). After a failure, a replica waits for ``Pause`` seconds.

Every attempt is a container of its own. ``facts["Retired"]`` maps the parts (slot and attempt) of
containers on their way out to when they were retired and how long they linger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.clock import moment, since
from ..core.store import Draft, Resource
from .plan import Plan

FIRST_RETRY = 1.0
LAST_RETRY = 60.0
STEADY = 60.0
"""Seconds a replica has to be healthy for its next failure to count as the first."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a plan: its ``variant`` is the plan's, ``key`` is unique in the endpoint."""

    key: str
    variant: Mapping[str, Any]


def slots_of(plan: Plan) -> list[Slot]:
    """Return every place of a plan."""
    return [
        Slot(f"{plan['Generation']}-{index}-{number}", variant)
        for index, variant in enumerate(plan["Variants"])
        for number in range(1, variant["Count"] + 1)
    ]


def record_of(endpoint: Resource, slot: Slot) -> dict[str, Any]:
    """Return what is recorded of a slot; a fresh record where there is none."""
    fresh = {"Variant": slot.variant["Name"], "Attempt": 1, "Failures": 0}
    found: dict[str, Any] = endpoint.facts.get("Slots", {}).get(slot.key, fresh)
    return found


def part_of(endpoint: Resource, slot: Slot) -> str:
    """Return the part of the container's name for the present attempt of a slot."""
    return f"{slot.key}-{record_of(endpoint, slot)['Attempt']}"


def replica_id(endpoint: Resource, part: str) -> str:
    """Return the id of a replica, unique over all endpoints."""
    return f"{endpoint.uid}-{part}"


def log_stream(endpoint: Resource, variant: str, part: str) -> str:
    """Return the log stream of a replica."""
    return f"{variant}/{replica_id(endpoint, part)}"


def healthy(endpoint: Resource, plan: Plan, variant: str | None = None) -> list[Slot]:
    """Return the slots of a plan (or of one of its variants) whose replica is healthy."""
    return [
        slot
        for slot in slots_of(plan)
        if variant in (None, slot.variant["Name"]) and record_of(endpoint, slot).get("Healthy")
    ]


def note(draft: Draft, slot: Slot, **changes: Any) -> None:  # noqa: ANN401 - any JSON value
    """Record something of a slot."""
    records = draft.facts.setdefault("Slots", {})
    records[slot.key] = {**record_of(draft, slot), **changes}


def retire(draft: Draft, key: str, linger: int = 0) -> None:
    """Put the container of a slot on its way out, and forget the slot."""
    record = draft.facts.get("Slots", {}).pop(key, None)
    if record is not None:
        part = f"{key}-{record['Attempt']}"
        draft.facts.setdefault("Retired", {})[part] = {
            "Since": moment(),
            "Linger": linger,
            "Variant": record["Variant"],
        }


def start_over(draft: Draft, slot: Slot) -> None:
    """Retire the container of a slot that failed, and plan another attempt after a while."""
    record = record_of(draft, slot)
    steady = "Healthy" in record and since(record["Healthy"]) > STEADY
    failures = 1 if steady else record["Failures"] + 1
    retire(draft, slot.key)
    delay = min(FIRST_RETRY * 2 ** (failures - 1), LAST_RETRY)
    draft.facts.setdefault("Slots", {})[slot.key] = {
        "Variant": slot.variant["Name"],
        "Attempt": record["Attempt"] + 1,
        "Failures": failures,
        "Failed": moment(),
        "Pause": delay,
    }
