"""Who may start now, who waits, and who never can.

Jobs and endpoints are counted apart. A job uses what it was given and is over one day, so jobs
share the machine among themselves. An endpoint stays, and mostly waits for requests: it reserves
an eighth of its limits, and never keeps jobs from starting. GPUs are counted over both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from jupyter_mlstudio.compute import instances
from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.protocol import Limits

SERVICE_SHARE = 8
FORGOTTEN = 60.0
"""Seconds after which one that waits and no longer asks has lost its place."""


@dataclass(frozen=True, slots=True)
class _Need:
    cpus: float
    memory: int
    gpus: int
    service: bool


class Admission:
    """Reservations on one machine, first come, first served. Thread-safe.

    One that does not fit waits. Later ones may pass it only where they leave what it needs, so
    nobody starves. Nothing here is kept: after a restart, what runs is put back by
    :meth:`restore`.

    Parameters
    ----------
    machine:
        What there is to share.
    strict:
        Refuse instance types bigger than the machine instead of giving them all it has.
    clock:
        Monotonic seconds.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        strict: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.machine = machine
        self._strict = strict
        self._clock = clock
        self._held: dict[str, _Need] = {}
        self._waiting: dict[str, tuple[_Need, float]] = {}
        self._lock = threading.Lock()
        self._told: list[Callable[[str], None]] = []

    def subscribe(self, fits: Callable[[str], None]) -> None:
        """Call ``fits(name)`` when somebody leaves, for each that waits and has room now."""
        self._told.append(fits)

    def check(self, instance_type: str, count: int = 1) -> None:
        """Raise ``ResourceLimitExceeded`` for what can never run here."""
        self.limits(instance_type, count)

    def limits(self, instance_type: str, count: int = 1) -> Limits:
        """Return the limits of one of ``count`` containers of an instance type."""
        return instances.limits(instance_type, self.machine, count=count, strict=self._strict)

    def note(self, instance_type: str, count: int = 1) -> str | None:
        """Say where one of ``count`` of an instance type gets less here than on SageMaker."""
        return instances.capped_note(instance_type, self.machine, count=count)

    def reserve(self, name: str, limits: Limits, *, service: bool = False) -> bool:
        """Reserve ``limits`` for ``name``; False means wait and ask again (within a minute)."""
        need = _need(limits, service)
        with self._lock:
            if name in self._held:
                return True
            now = self._clock()
            self._waiting[name] = (need, now)
            self._drop_forgotten(now)
            if not self._fits(name, need):
                return False
            del self._waiting[name]
            self._held[name] = need
            return True

    def has_room(self, limits: Limits, *, service: bool = False) -> bool:
        """Say whether somebody who asked now would start at once."""
        with self._lock:
            self._drop_forgotten(self._clock())
            return self._fits(None, _need(limits, service))

    def waits(self, name: str) -> bool:
        """Say whether ``name`` is in the queue and has no room yet; this counts as asking."""
        with self._lock:
            if name not in self._waiting:
                return False
            need, _ = self._waiting[name]
            self._waiting[name] = (need, self._clock())
            return name not in self._ready()

    def restore(self, name: str, limits: Limits, *, service: bool = False) -> None:
        """Count what runs already, whether it fits or not."""
        with self._lock:
            self._waiting.pop(name, None)
            self._held[name] = _need(limits, service)

    def release(self, name: str) -> None:
        """Give back what ``name`` has reserved, or its place in the queue. Unknown: no-op."""
        with self._lock:
            held = self._held.pop(name, None)
            waited = self._waiting.pop(name, None)
            ready = self._ready() if held or waited else []
        for each in ready:
            for told in self._told:
                told(each)

    def waiting(self) -> list[str]:
        """Return who waits, the first in the queue first."""
        with self._lock:
            return list(self._waiting)

    def capacity(self) -> Machine:
        """Return what of the machine containers may have."""
        return replace(self.machine, memory=instances.usable_memory(self.machine))

    def reserved(self) -> Machine:
        """Return what jobs have of the machine; GPUs are those of jobs and endpoints."""
        with self._lock:
            claims = _Claims(self.machine, self._held.values())
        return claims.of_jobs()

    def _drop_forgotten(self, now: float) -> None:
        for name, (_, asked) in list(self._waiting.items()):
            if now - asked > FORGOTTEN:
                del self._waiting[name]

    def _fits(self, name: str | None, need: _Need) -> bool:
        """Say whether ``need`` fits beside what is held and what waits before ``name`` (or all)."""
        claims = _Claims(self.machine, self._held.values())
        for other, (wanted, _) in self._waiting.items():
            if other == name:
                break
            claims.add(wanted)
        return claims.leave_room_for(need)

    def _ready(self) -> list[str]:
        """Return those that wait and would fit, the first in the queue first."""
        claims = _Claims(self.machine, self._held.values())
        found = []
        for name, (need, _) in self._waiting.items():
            if claims.leave_room_for(need):
                found.append(name)
            claims.add(need)
        return found


class _Claims:
    """What is taken or spoken for on a machine, added up."""

    def __init__(self, machine: Machine, needs: Iterable[_Need]) -> None:
        self._machine = machine
        self._cpus = {True: 0.0, False: 0.0}
        self._memory = {True: 0, False: 0}
        self._gpus = 0
        for need in needs:
            self.add(need)

    def add(self, need: _Need) -> None:
        self._cpus[need.service] += need.cpus
        self._memory[need.service] += need.memory
        self._gpus += need.gpus

    def of_jobs(self) -> Machine:
        return Machine(self._cpus[False], self._memory[False], self._gpus)

    def leave_room_for(self, need: _Need) -> bool:
        machine = self._machine
        return (
            self._cpus[need.service] + need.cpus <= machine.cpus + 1e-6
            and self._memory[need.service] + need.memory <= instances.usable_memory(machine)
            # Who wants no GPU takes none from those who wait for one.
            and (not need.gpus or self._gpus + need.gpus <= machine.gpus)
        )


def _need(limits: Limits, service: bool) -> _Need:
    share = SERVICE_SHARE if service else 1
    return _Need((limits.cpus or 0.0) / share, (limits.memory or 0) // share, limits.gpus, service)
