"""The containers of one job, one per host: started together, watched together, gone together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from .._failpoints import reached
from ..compute.protocol import ContainerSpec, ContainerState, Limits, Phase
from ..core.store import Resource
from ..core.studio import Studio
from .hosts import Host

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Cluster:
    """The hosts of a job and what the engine has of them."""

    studio: Studio
    job: Resource
    hosts: Sequence[Host]

    @property
    def group(self) -> str | None:
        """The network of the hosts; one host alone needs none of its own."""
        return self._network if len(self.hosts) > 1 else None

    @property
    def _network(self) -> str:
        return f"mls-{self.studio.settings.studio_id}-{self.job.uid}"

    def name(self, host: Host) -> str:
        """Return the name of a host's container."""
        return self.studio.container_name(self.job, host.part)

    def limits(self, host: Host) -> Limits:
        """Return what a host may use of this machine."""
        return self.studio.admission.limits(host.instance_type, len(self.hosts))

    def reserve(self) -> bool:
        """Reserve room for all hosts, or none and wait."""
        return self.studio.admission.reserve(self._network, self._total())

    def waits(self) -> bool:
        """Say whether the hosts are known to wait for room, and there is none yet."""
        return self.studio.admission.waits(self._network)

    def restore(self) -> None:
        """Count hosts that run already."""
        self.studio.admission.restore(self._network, self._total())

    def release(self) -> None:
        """Give the room back."""
        self.studio.admission.release(self._network)

    def states(self) -> list[ContainerState | None]:
        """Return the state of every host's container, None where there is none."""
        return [self.studio.engine.inspect(self.name(host)) for host in self.hosts]

    def start(self, specs: Sequence[ContainerSpec]) -> None:
        """Start what has not been started. Raises the first host's :class:`EngineError`."""
        first, *others = specs
        self.studio.engine.start(first)
        reached("cluster.started")
        if others:
            with ThreadPoolExecutor(min(_AT_ONCE, len(others))) as pool:
                list(pool.map(self.studio.engine.start, others))

    def stop(self, grace: int) -> None:
        """Send SIGTERM to every host that runs, and SIGKILL after ``grace`` seconds."""
        for host in self.hosts:
            self.studio.engine.stop(self.name(host), grace)

    def follow(
        self, log_group: str, streams: Sequence[str], written: Callable[[str], None]
    ) -> bool:
        """Follow every host's log into its stream; say whether all have been read to the end.

        ``written(stream)`` is called after every batch of lines.
        """
        logs = self.studio.logs(self.job)
        read = [
            self.studio.collector.follow(
                self.name(host), logs, log_group, stream, partial(written, stream)
            )
            for host, stream in zip(self.hosts, streams, strict=True)
        ]
        return all(read)

    def remove(self) -> None:
        """Remove containers, network and reservation. Safe to repeat."""
        engine = self.studio.engine
        for host in self.hosts:
            engine.remove(self.name(host))
            self.studio.collector.forget(self.name(host))
            reached("cluster.removed")
        if self.group:
            engine.remove_group(self.group)
        self.release()

    def _total(self) -> Limits:
        every = [self.limits(host) for host in self.hosts]
        return Limits(
            cpus=sum(limit.cpus or 0.0 for limit in every),
            memory=sum(limit.memory or 0 for limit in every),
            gpus=sum(limit.gpus for limit in every),
        )


def ended(states: Iterable[ContainerState | None]) -> bool:
    """Say whether every host has run and ended."""
    return all(state is not None and state.phase is Phase.EXITED for state in states)


def up(states: Iterable[ContainerState | None]) -> bool:
    """Say whether every host has been started."""
    return all(state is not None and state.phase is not Phase.CREATED for state in states)


def first_failure(states: Iterable[ContainerState | None]) -> int | None:
    """Return the index of the host that failed first, None while none has."""
    failed = [
        (state.finished_at or 0.0, index)
        for index, state in enumerate(states)
        if state is not None and state.phase is Phase.EXITED and state.exit_code != 0
    ]
    return min(failed)[1] if failed else None
