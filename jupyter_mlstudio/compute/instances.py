"""SageMaker's instance types, and what they mean on the machine at hand.

``instances.json`` has a row per family: GiB of memory per vCPU, and ``[vCPU, GiB, GPUs]`` of the
sizes that do not follow the rule. The rule is EC2's own: ``large`` has 2 vCPU, ``xlarge`` 4,
``Nxlarge`` 4 N. The figures are those of EC2's public instance type pages; ``g7`` is taken to be
as ``g7e``.

A type is a wish, and code written for SageMaker asks for big ones: by default it gets what the
machine has, at most. What cannot be had smaller (a GPU, another accelerator) is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from jupyter_mlstudio.compute.machine import Machine
from jupyter_mlstudio.compute.protocol import Limits
from jupyter_mlstudio.wire.errors import AWSError, validation_error

__all__ = ["InstanceType", "Machine", "capped_note", "instance_type", "limits"]

GIB = 1024**3
LOCAL, LOCAL_GPU = "local", "local_gpu"
SMALLEST_MEMORY = 256 * 1024**2
"""Bytes below which no container is started: more hosts than that do not fit a machine."""
_SIZES = {"micro": 1, "small": 1, "medium": 1, "large": 2, "xlarge": 4}
_MULTIPLE = re.compile(r"(\d+)xlarge")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One instance type: ``memory`` in bytes; ``accelerator`` where it is not a GPU."""

    name: str
    vcpus: int
    memory: int
    gpus: int = 0
    accelerator: str | None = None


def instance_type(name: str) -> InstanceType:
    """Look up an instance type by SageMaker's name.

    Raises
    ------
    AWSError
        ``ValidationException`` for a name that is neither in the table nor follows its rule.
    """
    _, _, rest = name.partition("ml.")
    family, _, size = rest.partition(".")
    row = _families().get(family)
    if row is None:
        raise validation_error(f"Unknown instance type {name}.")
    accelerator = row.get("accelerator")
    if size in row.get("sizes", {}):
        vcpus, gib, gpus = row["sizes"][size]
        return InstanceType(name, vcpus, int(gib * GIB), gpus, accelerator)
    found = _vcpus(size)
    if found is None or "gib_per_vcpu" not in row:
        raise validation_error(f"Unknown instance type {name}.")
    return InstanceType(name, found, int(found * row["gib_per_vcpu"] * GIB), 0, accelerator)


def limits(name: str, machine: Machine, *, count: int = 1, strict: bool = False) -> Limits:
    """Return what one of ``count`` containers of an instance type may use on ``machine``.

    Raises
    ------
    AWSError
        ``ResourceLimitExceeded`` for what this machine never has: a GPU, an accelerator, room for
        ``count`` hosts, and with ``strict`` also the vCPU and memory of the type.
    """
    if name in (LOCAL, LOCAL_GPU):
        wanted = InstanceType(name, int(machine.cpus), machine.memory, machine.gpus)
        wanted = wanted if name == LOCAL_GPU else InstanceType(name, wanted.vcpus, wanted.memory)
    else:
        wanted = instance_type(name)
    _refuse_missing(wanted, machine, count)
    cpus = min(float(wanted.vcpus), machine.cpus / count)
    memory = min(wanted.memory, usable_memory(machine) // count)
    if memory < SMALLEST_MEMORY:
        raise _exceeded(f"{count} instances of {name} do not fit this machine: {_have(machine)}.")
    smaller = cpus < wanted.vcpus or memory < wanted.memory
    if strict and smaller and name not in (LOCAL, LOCAL_GPU):
        raise _exceeded(f"{_needs(wanted, count)}, and this machine has {_have(machine)}.")
    return Limits(cpus=cpus, memory=memory, gpus=wanted.gpus, shm=memory // 2)


def capped_note(name: str, machine: Machine, *, count: int = 1) -> str | None:
    """Say where one of ``count`` of a type gets less than on SageMaker; None where all of it."""
    if name in (LOCAL, LOCAL_GPU):
        return None
    wanted = instance_type(name)
    got = limits(name, machine, count=count)
    if got.cpus == wanted.vcpus and got.memory == wanted.memory:
        return None
    return (
        f"{name} has {wanted.vcpus} vCPU and {wanted.memory / GIB:g} GiB; on this machine "
        f"{'it' if count == 1 else f'each of {count}'} gets "
        f"{got.cpus:g} and {(got.memory or 0) / GIB:.1f} GiB."
    )


def usable_memory(machine: Machine) -> int:
    """Return the bytes containers may have: an eighth, at most 2 GiB, stays with the system."""
    return machine.memory - min(machine.memory // 8, 2 * GIB)


def _refuse_missing(wanted: InstanceType, machine: Machine, count: int) -> None:
    if wanted.accelerator:
        raise _exceeded(
            f"{wanted.name} has {wanted.accelerator} accelerators, which this machine has not. "
            "Choose a CPU or GPU instance type."
        )
    if wanted.name == LOCAL_GPU and not machine.gpus:
        raise _exceeded("local_gpu needs a GPU, and none was found on this machine. Use local.")
    if wanted.gpus * count > machine.gpus:
        raise _exceeded(
            f"{_needs(wanted, count)}, and this machine has {machine.gpus or 'none'}. Choose an "
            "instance type without GPUs, such as ml.m5.xlarge, or local."
        )


def _needs(wanted: InstanceType, count: int) -> str:
    subject = wanted.name if count == 1 else f"{count} of {wanted.name}"
    if wanted.gpus:
        total = wanted.gpus * count
        return f"{subject} needs {total} GPU{'s' if total > 1 else ''}"
    return f"{subject} needs {wanted.vcpus * count} vCPU and {wanted.memory * count / GIB:g} GiB"


def _have(machine: Machine) -> str:
    return f"{machine.cpus:g} vCPU and {usable_memory(machine) / GIB:.1f} GiB for containers"


def _exceeded(message: str) -> AWSError:
    return AWSError("ResourceLimitExceeded", message)


def _vcpus(size: str) -> int | None:
    match = _MULTIPLE.fullmatch(size)
    return 4 * int(match.group(1)) if match else _SIZES.get(size)


@lru_cache(maxsize=1)
def _families() -> dict[str, Any]:
    text = resources.files("jupyter_mlstudio.compute").joinpath("instances.json").read_text()
    families: dict[str, Any] = json.loads(text)
    return families
