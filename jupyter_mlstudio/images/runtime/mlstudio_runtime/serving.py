"""The ``serve`` command: the user's inference code where there is some, else the algorithm."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from . import paths
from .lean import leave_out
from .server.app import Handler
from .server.workers import cpus, worker_count
from .server.workers import serve as serve_workers
from .source import place_code


def serve() -> int:
    """Serve the model below ``/opt/ml/model`` and return the exit status."""
    try:
        module = _user_module()
    except Exception:  # noqa: BLE001,RUF100 - the container ends; its log says why
        traceback.print_exc()
        return 1
    # Each worker runs several requests at once, so it must not start a thread a CPU for each.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cpus() // worker_count())))

    def load() -> Handler:
        if module:
            from .server.user_code import UserCode

            return UserCode(module, paths.model())
        leave_out("pandas", "sklearn")
        from .xgb.serve import Algorithm

        return Algorithm(paths.model())

    return serve_workers(load)


def _user_module() -> Path | None:
    """Return the file of the user's handlers, its requirements installed; None without one."""
    program = os.environ.get("SAGEMAKER_PROGRAM")
    packed = paths.model() / "code"
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
    if program and submitted and not (packed / program).exists():
        place_code(submitted, paths.code())
        folder = paths.code()
    elif program and (paths.code() / program).exists() and not (packed / program).exists():
        folder = paths.code()
    else:
        folder = packed
    path = folder / (program or "inference.py")
    if not path.exists():
        if program:
            raise FileNotFoundError(f"There is no '{program}' in '{folder}' (SAGEMAKER_PROGRAM).")
        return None
    if (folder / "requirements.txt").exists():
        from .script import install

        install(["-r", "requirements.txt"], folder)
    sys.path.insert(0, str(folder))
    return path
