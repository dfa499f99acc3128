"""Script mode: runs the user's program as SageMaker's training toolkit does."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import child, packages, paths
from .environment import TrainingEnvironment
from .outcome import UserError, record_failure
from .source import place_code

_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


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
        filter(None, [str(code), *packages.search_path(), os.environ.get("PYTHONPATH")])
    )
    command = _command(code, program, environment.arguments())
    _announce(command, variables)
    ended = child.run(command, code, {**os.environ, **variables, "PYTHONUNBUFFERED": "1"})
    if ended.status:
        record_failure(ended.reason("ExecuteUserScriptError"))
    return ended.status


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
        packages.install(arguments, code)


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
