"""What containers use, looked at while they run and kept as CloudWatch's metrics.

Names, namespaces and dimensions are those of "Monitor Amazon SageMaker with Amazon CloudWatch" in
AWS's developer guide: jobs under ``/aws/sagemaker/TrainingJobs``, ``ProcessingJobs`` and so on by
``Host``; other kinds say for themselves. ``NetworkIn`` and ``NetworkOut`` are ours, after EC2's.

One thread looks at all containers, several at a time; it asks nobody to wait for it, and nothing
of it is remembered over a restart.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..compute import machine
from ..compute.protocol import GPU_LABEL, ContainerState, EngineError, Phase, Usage
from .cloudwatch import Entry
from .controllers import UID_LABEL
from .database import DatabaseUnavailable
from .samples import Metric, Sample
from .store import Resource

if TYPE_CHECKING:
    from .studio import Studio

log = logging.getLogger(__name__)

AT_ONCE = 8
PATIENCE = 3.0
"""Seconds a look may take, or a period if that is longer; Docker needs one per container."""
AFRESH = 30
"""After so many looks it is asked anew which containers there are, should a change be missed."""
PERCENT, BYTES = "Percent", "Bytes"

Place = tuple[str, tuple[tuple[str, str], ...]]
"""A namespace and dimensions."""

Places = Callable[[Resource, str], Iterable[Place]]

_PLACES: dict[str, Places] = {}


def usage_of(kind: str) -> Callable[[Places], Places]:
    """Register the decorated function: where the usage of a kind's containers is kept.

    It gets the resource and the part that the name of its container ends with.
    """

    def register(function: Places) -> Places:
        _PLACES[kind] = function
        return function

    return register


class Sampler:
    """Looks at every running container of the studio, every ``Settings.usage_seconds``."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._period = studio.settings.usage_seconds
        self._before: dict[str, Usage] = {}
        self._running: dict[str, ContainerState] = {}
        self._changed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._looks = 0
        self._closed = threading.Event()
        self._writing = threading.Lock()

    def start(self) -> None:
        """Start looking, unless the settings say never."""
        if self._period > 0:
            threading.Thread(target=self._run, name="usage", daemon=True).start()

    def close(self) -> None:
        """Write nothing any more. An engine that hangs is not waited for."""
        with self._writing:
            self._closed.set()

    def changed(self, name: str) -> None:
        """Note that a container has started or ended."""
        self._changed.put(name)

    def sample(self) -> None:
        """Look once, and store what was seen."""
        try:
            states = self._current()
        except EngineError:
            self._looks = 0  # what has changed is forgotten: ask anew
            raise
        seen = self._measure([state.name for state in states])
        gpus = machine.gpu_usage() if any(s.labels.get(GPU_LABEL) for s in states) else {}
        entries: list[Entry] = []
        for state in states:
            usage = seen.get(state.name)
            if usage is not None:
                entries += self._entries(state, usage, gpus)
        self._before = seen
        with self._writing:
            if entries and not self._closed.is_set():
                self._studio.cloudwatch.tables.put(entries)

    def _run(self) -> None:
        while not self._closed.wait(self._period):
            try:
                self.sample()
            except EngineError as error:
                log.warning("What containers use cannot be seen: %s", error.reason)
            except DatabaseUnavailable as error:
                log.info("What containers use cannot be stored: %s", error.reason)
            except Exception:
                log.exception("What containers use cannot be stored")

    def _current(self) -> list[ContainerState]:
        """Return the containers that run, asking the engine about those that changed only."""
        engine = self._studio.engine
        changed = set(iter(partial(_next, self._changed), None))
        if self._looks % AFRESH == 0:
            states = {state.name: state for state in engine.owned()}
        else:
            states = {**self._running}
            for name in changed:
                state = engine.inspect(name)
                if state is not None:
                    states[name] = state
                else:
                    states.pop(name, None)
        self._looks += 1
        self._running = {
            name: state
            for name, state in states.items()
            if state.phase is Phase.RUNNING and UID_LABEL in state.labels
        }
        return list(self._running.values())

    def _measure(self, names: list[str]) -> dict[str, Usage]:
        """Ask for several containers at a time, and wait no longer than a look may take."""
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            waiting.put(name)
        found: dict[str, Usage] = {}
        threads = [
            threading.Thread(target=self._ask, args=(waiting, found), name="usage", daemon=True)
            for _ in range(min(AT_ONCE, len(names)))
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + max(self._period, PATIENCE)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        while _next(waiting) is not None:
            pass  # what is late is left out
        return dict(found)

    def _ask(self, waiting: queue.SimpleQueue[str], found: dict[str, Usage]) -> None:
        while (name := _next(waiting)) is not None:
            try:
                usage = self._studio.engine.stats(name)
            except EngineError as error:
                log.warning("What %s uses cannot be seen: %s", name, error.reason)
                continue
            if usage is None:
                self._looks = 0  # it has ended, or has another name: ask anew
            else:
                found[name] = usage

    def _entries(
        self, state: ContainerState, usage: Usage, gpus: dict[str, tuple[float, float]]
    ) -> Iterator[Entry]:
        owner = self._studio.store.by_uid(self._studio.owner_uid(state.name))
        if owner is None:
            return
        before = self._before.get(state.name) or self._beginning(state, usage)
        devices = state.labels.get(GPU_LABEL, "").split(",")
        values = list(_values(usage, before, [gpus[each] for each in devices if each in gpus]))
        part = state.name.removeprefix(self._studio.container_name(owner, ""))
        for namespace, dimensions in places(owner, part):
            for name, value, unit in values:
                metric = Metric(owner.account, owner.region, namespace, name, dimensions)
                yield metric, Sample.of(value, usage.time, 1, unit)

    def _beginning(self, state: ContainerState, usage: Usage) -> Usage | None:
        """Return what a container had used when it started, if that is not long ago."""
        started = state.started_at
        if started is None or not 0.1 < usage.time - started < 2 * self._period:
            return None
        return Usage(started, 0.0, 0, usage.memory_limit, 0, 0, None)


def places(owner: Resource, part: str) -> Iterable[Place]:
    """Return where the usage of a container is kept; nowhere for a kind that does not say."""
    if owner.kind in _PLACES:
        return _PLACES[owner.kind](owner, part)
    if owner.kind.endswith("Job"):
        return [(f"/aws/sagemaker/{owner.kind}s", (("Host", f"{owner.name}/algo-{part}"),))]
    return []


def _values(
    usage: Usage, before: Usage | None, gpus: list[tuple[float, float]]
) -> Iterator[tuple[str, float, str]]:
    """Yield name, value and unit; as many times 100 % as there are cores and GPUs."""
    yield "MemoryUtilization", 100.0 * usage.memory / usage.memory_limit, PERCENT
    if usage.disk is not None:
        yield "DiskUtilization", usage.disk, PERCENT
    if gpus:
        yield "GPUUtilization", sum(busy for busy, _ in gpus), PERCENT
        yield "GPUMemoryUtilization", sum(used for _, used in gpus), PERCENT
    if before is None or usage.time <= before.time or usage.cpu < before.cpu:
        return
    share = (usage.cpu - before.cpu) / (usage.time - before.time)
    yield "CPUUtilization", 100.0 * share, PERCENT
    for name, now, then in (
        ("NetworkIn", usage.received, before.received),
        ("NetworkOut", usage.sent, before.sent),
    ):
        if now is not None and then is not None and now >= then:
            yield name, float(now - then), BYTES


def _next(waiting: queue.SimpleQueue[str]) -> str | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None
