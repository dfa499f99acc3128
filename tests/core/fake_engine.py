"""An engine in memory, for unit tests of controllers only: the test says what containers do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.protocol import (
    Access,
    ContainerSpec,
    ContainerState,
    EngineError,
    LogLine,
    Phase,
    Usage,
)


class FakeEngine:
    """Keeps what it was asked for; ``down`` makes every call fail as an engine out of reach."""

    name = "docker"
    note: str | None = None

    def __init__(self, cpus: float = 4) -> None:
        self.cpus = cpus
        self.specs: dict[str, ContainerSpec] = {}
        self.states: dict[str, ContainerState] = {}
        self.usage: dict[str, Usage] = {}
        self.stopped: list[tuple[str, int]] = []
        self.down = False
        self.starts = 0

    def access(self) -> Access:
        return Access(host="127.0.0.1", environment={})

    def machine(self) -> Machine:
        return Machine(cpus=self.cpus, memory=16 << 30, gpus=0)

    def ensure_image(self, image: str) -> None:
        self._answer()

    def image_exists(self, image: str) -> bool:
        return True

    def start(self, spec: ContainerSpec) -> None:
        self._answer()
        if spec.name in self.states:
            return
        self.starts += 1
        self.specs[spec.name] = spec
        self.states[spec.name] = ContainerState(
            spec.name, spec.labels, Phase.RUNNING, started_at=1_700_000_000.0
        )

    def inspect(self, name: str) -> ContainerState | None:
        self._answer()
        return self.states.get(name)

    def owned(self) -> list[ContainerState]:
        self._answer()
        return list(self.states.values())

    def stop(self, name: str, grace: int) -> None:
        self.stopped.append((name, grace))

    def remove(self, name: str) -> None:
        self._answer()
        self.states.pop(name, None)

    def remove_group(self, group: str) -> None:
        self._answer()

    def groups(self) -> list[str]:
        return []

    def logs(self, name: str, since_ns: int = 0) -> Iterator[LogLine]:
        return iter(())

    def stats(self, name: str) -> Usage | None:
        self._answer()
        return self.usage.get(name)

    def watch(self, changed: Callable[[str], None]) -> None:
        return None

    def prepare(self) -> None:
        return None

    def shares_fifos(self) -> bool:
        return True

    def remove_tree(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)

    def readable_tree(self, path: Path) -> None:
        return None

    def tidy(self) -> None:
        return None

    def close(self) -> None:
        return None

    def exit(self, name: str, code: int) -> None:
        """Let a container end."""
        self.states[name] = replace(
            self.states[name], phase=Phase.EXITED, exit_code=code, finished_at=1_700_000_001.0
        )

    def _answer(self) -> None:
        if self.down:
            raise EngineError("The engine does not answer", retryable=True)
