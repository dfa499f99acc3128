"""Script mode: runs the user's program as SageMaker's training toolkit does."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from . import paths
from .environment import TrainingEnvironment
from .outcome import UserError, record_failure
from .source import place_code

_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")
_TAIL_LINES = 60
_REASON = 1000


def run_script(environment: TrainingEnvironment) -> int:
    """Fetch the code, install its requirements, run it, and return its exit status.

    stdout and stderr pass through as they come. Where the program fails, the end of its stderr
    goes to ``/opt/ml/output/failure``.

    Raises
    ------
    UserError
        There is no such program, or its requirements cannot be installed.
    """
    program = _checked(environment.user_entry_point or "")
    code = paths.code()
    place_code(environment.submit_directory, code)
    _install_requirements(code, program)
    variables = environment.variables()
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(code), os.environ.get("PYTHONPATH")])
    )
    command = _command(code, program, environment.arguments())
    _announce(command, variables)
    status, tail = _run(command, code, {**os.environ, **variables, "PYTHONUNBUFFERED": "1"})
    if status:
        record_failure(_reason(command, status, tail))
    return status


def _checked(program: str) -> str:
    """Return the program's name, a plain path inside the code folder, or refuse it."""
    if not _ENTRY_POINT.fullmatch(program) or {".", ".."} & set(program.split("/")):
        raise UserError(
            f"The entry point '{program}' is not a plain path inside the code folder: set "
            "'sagemaker_program' to a name like 'train.py' or 'bin/train.sh'."
        )
    return program


def _install_requirements(code: Path, program: str) -> None:
    package = (code / "setup.py").exists() and not program.endswith(".sh")
    requirements = (code / "requirements.txt").exists() and not program.endswith(".sh")
    arguments = (["."] if package else []) + (["-r", "requirements.txt"] if requirements else [])
    if arguments:
        install(arguments, code)


def install(arguments: Sequence[str], folder: Path) -> None:
    """Run ``pip install`` in ``folder``.

    Raises
    ------
    UserError
        With the end of what pip said.
    """
    status, tail = _run([sys.executable, "-m", "pip", "install", *arguments], folder, os.environ)
    if status:
        raise UserError(f"InstallRequirementsError: pip ended with {status}.\n{_last(tail)}")


def _command(code: Path, program: str, arguments: Sequence[str]) -> list[str]:
    module = program.removesuffix(".py")
    if (code / "setup.py").exists() and not program.endswith(".sh"):
        return [sys.executable, "-m", module.replace("/", "."), *arguments]
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


def _announce(command: Sequence[str], variables: Mapping[str, str]) -> None:
    environment = json.loads(variables["SM_TRAINING_ENV"])
    shown = "\n".join(f"{name}={value}" for name, value in variables.items())
    print(
        f"Invoking user script\n\nTraining Env:\n\n{json.dumps(environment, indent=4)}\n\n"
        f"Environment variables:\n\n{shown}\n\n"
        f"Invoking script with the following command:\n\n{' '.join(command)}\n",
        flush=True,
    )


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple[int, deque[bytes]]:
    """Run a command; return its exit status, 128 + n for signal n, and the last of its stderr."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)

    def forward(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    previous = signal.signal(signal.SIGTERM, forward)
    tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
    assert process.stderr is not None  # noqa: S101 - we asked for a pipe
    # A grandchild may keep the pipe open after the program has ended, hence the thread.
    reader = threading.Thread(target=_copy, args=(process.stderr, tail), daemon=True)
    reader.start()
    status = process.wait()
    reader.join(timeout=2)
    signal.signal(signal.SIGTERM, previous)
    return (status if status >= 0 else 128 - status), tail


def _copy(stream: BinaryIO, tail: deque[bytes]) -> None:
    """Pass bytes on at once, so that a progress bar moves, and keep the last lines."""
    partial = b""
    while chunk := os.read(stream.fileno(), 1 << 16):
        sys.stderr.buffer.write(chunk)
        sys.stderr.buffer.flush()
        *lines, partial = (partial + chunk).split(b"\n")
        tail.extend(lines)
        partial = partial[-_REASON:]
    if partial:
        tail.append(partial)


def _last(tail: deque[bytes]) -> str:
    text = b"\n".join(tail).decode(errors="replace").strip()
    start = text.rfind("Traceback (most recent call last)")
    return text[start if start >= 0 else 0 :][-_REASON:]


def _reason(command: Sequence[str], status: int, tail: deque[bytes]) -> str:
    """Say what happened; SageMaker shows the first 1024 characters, so the error comes first."""
    message = _last(tail)
    error = message.splitlines()[-1] if message else ""
    memory = "\nOutOfMemory: Process killed by SIGKILL (signal 9)" if status == 137 else ""
    return (
        f'ExecuteUserScriptError:\nExitCode {status}\nErrorMessage "{error}"{memory}\n'
        f'{message}\nCommand "{" ".join(command)}"'
    )
