"""Which GPU goes to which container."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_mlstudio.compute import machine
from jupyter_mlstudio.compute.protocol import GPU_LABEL, ContainerState, EngineError, Phase


def free_gpus(count: int, containers: Iterable[ContainerState]) -> list[str]:
    """Choose ``count`` devices that none of the live ``containers`` has."""
    taken = {
        device
        for state in containers
        if state.phase is not Phase.EXITED
        for device in state.labels.get(GPU_LABEL, "").split(",")
    }
    free = [str(index) for index in range(machine.gpus()) if str(index) not in taken]
    if len(free) < count:
        raise EngineError(f"{count} GPUs are asked for and {len(free)} are free.", retryable=True)
    return free[:count]
