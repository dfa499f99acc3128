"""Who may start now, who waits, and who never can.

Jobs and endpoints are counted apart. A job uses what it was given and is over one day, so jobs
share the machine among themselves. An endpoint stays, and mostly waits for requests: it reserves
an eighth of its limits, and never keeps jobs from starting. GPUs are counted over both.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

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

    def restore(self, name: str, limits: Limits, *, service: bool = False) -> None:
        """Count what runs already, whether it fits or not."""
        with self._lock:
            self._waiting.pop(name, None)
            self._held[name] = _need(limits, service)

    def release(self, name: str) -> None:
        """Give back what ``name`` has reserved, or its place in the queue. Unknown: no-op."""
        with self._lock:
            self._held.pop(name, None)
            self._waiting.pop(name, None)

    def waiting(self) -> list[str]:
        """Return who waits, the first in the queue first."""
        with self._lock:
            return list(self._waiting)

    def _drop_forgotten(self, now: float) -> None:
        for name, (_, asked) in list(self._waiting.items()):
            if now - asked > FORGOTTEN:
                del self._waiting[name]

    def _fits(self, name: str, need: _Need) -> bool:
        """Say whether ``need`` fits beside what is held and what waits before ``name``."""
        before = []
        for other, (wanted, _) in self._waiting.items():
            if other == name:
                break
            before.append(wanted)
        claims = [*self._held.values(), *before, need]
        pool = [claim for claim in claims if claim.service is need.service]
        return (
            _total(claim.cpus for claim in pool) <= self.machine.cpus + 1e-6
            and _total(claim.memory for claim in pool) <= instances.usable_memory(self.machine)
            # Who wants no GPU takes none from those who wait for one.
            and (not need.gpus or _total(claim.gpus for claim in claims) <= self.machine.gpus)
        )


def _need(limits: Limits, service: bool) -> _Need:
    share = SERVICE_SHARE if service else 1
    return _Need((limits.cpus or 0.0) / share, (limits.memory or 0) // share, limits.gpus, service)


def _total(values: Iterable[float]) -> float:
    return sum(values)
