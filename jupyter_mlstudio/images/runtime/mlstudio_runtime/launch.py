"""Starting the user's program on one host, or as a part of one that runs on several."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import framework
from .environment import TrainingEnvironment
from .outcome import UserError

MASTER_PORT = "7777"
_FAILED = re.compile(rb"E\d{4} .*torch/distributed/elastic/.*\] failed \(exitcode")
_ROOT_CAUSE = re.compile(rb"Root Cause \(first observed failure\):.*?\brank +: (\d+)", re.DOTALL)
_PATIENCE = 15 * 60.0
_TORCH = ("torch_distributed", "pytorch_ddp")
_MISSING = {
    "mpi": "MPI",
    "distributed_dataparallel": "SageMaker's data parallel library (smdistributed)",
    "parameter_server": "TensorFlow's parameter server",
    "pytorch_xla_multi_worker": "PyTorch XLA",
    "multi_worker_mirrored_strategy": "TensorFlow's MultiWorkerMirroredStrategy",
}


def command(environment: TrainingEnvironment, code: Path, program: str) -> list[str]:
    """Return the command that runs ``program``, by torchrun where the job asks for that.

    A package (``setup.py``) and a module run with ``python -m``, a ``.py`` file with Python,
    anything else by the shell.

    Raises
    ------
    UserError
        There is no such program, or torchrun cannot start it.
    """
    arguments = environment.arguments()
    if not _by_torchrun(environment):
        return _plain(code, program, arguments)
    if is_package(code, program) or not program.endswith(".py"):
        raise UserError(
            f"The entry point '{program}' cannot be run by torchrun: torch_distributed and "
            "pytorchddp need a Python script, and no setup.py beside it."
        )
    python, *script = _plain(code, program, arguments)
    # Without "--" torchrun refuses arguments of the script that could be short for its own.
    return [python, "-m", "torch.distributed.run", *_torchrun(environment), "--", *script]


def variables(environment: TrainingEnvironment) -> dict[str, str]:
    """Return what AWS's PyTorch image sets so that processes find each other."""
    if framework.name() != framework.PYTORCH:
        return {}
    described = environment.described
    return {
        "MASTER_ADDR": described["hosts"][0],
        "MASTER_PORT": MASTER_PORT,
        "NCCL_SOCKET_IFNAME": described["network_interface_name"],
        "NCCL_DEBUG": os.environ.get("NCCL_DEBUG", "WARN"),
        **({"NCCL_PROTO": "simple"} if _by_torchrun(environment) else {}),
    }


def check(parameters: Mapping[str, Any]) -> None:
    """Refuse a way of distributing that no image of ours has.

    Raises
    ------
    UserError
        Names it.
    """
    for name, words in _MISSING.items():
        if parameters.get(f"sagemaker_{name}_enabled"):
            raise UserError(
                f"The hyperparameter 'sagemaker_{name}_enabled' asks for {words}, which the "
                "studio's images do not have. PyTorch scripts can run on several processes and "
                'hosts with distribution={"torch_distributed": {"enabled": True}}.'
            )


def wait_for_hosts(hosts: Sequence[str], patience: float = _PATIENCE) -> None:
    """Return once the names of all hosts resolve: they start at different times.

    Raises
    ------
    UserError
        One does not within ``patience`` seconds.
    """
    if len(hosts) == 1:
        return
    deadline, pause = time.monotonic() + patience, 0.05
    for host in hosts:
        while not _resolves(host):
            if time.monotonic() > deadline:
                raise UserError(f"The host '{host}' of this job cannot be found by its name.")
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def first_failure(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Return what the process that failed first wrote, of the stderr of a job under torchrun.

    torchrun ends with a traceback of its own, and the processes that lose the one that failed
    write theirs after it. Where none of that is found, the lines are returned as they are.
    """
    ends = [number for number, line in enumerate(lines) if _FAILED.match(line)]
    if not ends:
        return lines
    before, after = lines[: ends[-1]], b"\n".join(lines[ends[-1] :])
    cause = _ROOT_CAUSE.search(after)
    prefix = b"[rank%b]: " % (cause[1] if cause else b"")
    own = [line.removeprefix(prefix) for line in before if line.startswith(prefix)]
    return own or before


def is_package(code: Path, program: str) -> bool:
    """Say whether the code is to be installed, and the program run as a module of it.

    That is so beside a ``setup.py``, as in AWS's toolkit, and beside a ``pyproject.toml`` where
    the program names no file.
    """
    if program.endswith(".sh"):
        return False
    if (code / "setup.py").exists():
        return True
    file = program.endswith(".py") or (code / program).is_file()
    return not file and (code / "pyproject.toml").exists()


def _by_torchrun(environment: TrainingEnvironment) -> bool:
    parameters = environment.framework
    if framework.name() != framework.PYTORCH:
        return False
    described = environment.described
    taking_part = described["current_instance_group"] in described["distribution_instance_groups"]
    return taking_part and any(parameters.get(f"sagemaker_{name}_enabled") for name in _TORCH)


def _torchrun(environment: TrainingEnvironment) -> list[str]:
    described = environment.described
    hosts = described["distribution_hosts"]
    given = environment.framework.get("sagemaker_mpi_num_of_processes_per_host")
    processes = given or described["num_gpus"] or described["num_neurons"] or 1
    options = ["--nnodes", str(len(hosts)), "--nproc_per_node", str(processes)]
    if len(hosts) > 1:
        options += ["--master_addr", described["master_hostname"], "--master_port", MASTER_PORT]
        options += ["--node_rank", str(hosts.index(described["current_host"]))]
    return options


def _plain(code: Path, program: str, arguments: Sequence[str]) -> list[str]:
    if is_package(code, program):
        module = program.removesuffix(".py").replace("/", ".")
        return [sys.executable, "-m", module, *arguments]
    path = code / program
    if not path.resolve().is_relative_to(code.resolve()):
        raise UserError(f"The entry point '{program}' lies outside the code folder.")
    if path.is_file():
        if program.endswith(".py"):
            return [sys.executable, program, *arguments]
        path.chmod(path.stat().st_mode | 0o555)
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *arguments])]
    if not program.endswith((".py", ".sh")) and _is_module(code, program):
        return [sys.executable, "-m", program.replace("/", "."), *arguments]
    present = ", ".join(sorted(entry.name for entry in code.iterdir())) or "nothing"
    raise UserError(f"There is no '{program}' in the code folder, which has: {present}.")


def _is_module(code: Path, name: str) -> bool:
    path = code / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
