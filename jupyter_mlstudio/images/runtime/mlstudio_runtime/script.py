"""Script mode: runs the user's program as SageMaker's training toolkit does."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from . import child, launch, packages, paths
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
    launch.check(environment.framework)
    code = paths.code()
    place_code(environment.submit_directory, code)
    _install(code, program)
    launch.wait_for_hosts(environment.resources["hosts"])
    variables = {**environment.variables(), **launch.variables(environment)}
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(code), *packages.search_path(), os.environ.get("PYTHONPATH")])
    )
    command = launch.command(environment, code, program)
    _announce(command, variables)
    ended = child.run(command, code, {**os.environ, **variables, "PYTHONUNBUFFERED": "1"})
    if ended.status:
        ended = replace(ended, tail=launch.first_failure(ended.tail))
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


def _install(code: Path, program: str) -> None:
    package = launch.is_package(code, program)
    requirements = (code / "requirements.txt").exists() and not program.endswith(".sh")
    arguments = (["."] if package else []) + (["-r", "requirements.txt"] if requirements else [])
    if arguments:
        packages.install(arguments, code)


def _announce(command: Sequence[str], variables: Mapping[str, str]) -> None:
    environment = json.loads(variables["SM_TRAINING_ENV"])
    shown = "\n".join(f"{name}={value}" for name, value in variables.items())
    print(
        f"Invoking user script\n\nTraining Env:\n\n{json.dumps(environment, indent=4)}\n\n"
        f"Environment variables:\n\n{shown}\n\n"
        f"Invoking script with the following command:\n\n{' '.join(command)}\n",
        flush=True,
    )
