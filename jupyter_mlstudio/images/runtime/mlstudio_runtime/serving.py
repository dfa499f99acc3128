"""The ``serve`` command: the user's inference code where there is some, else the algorithm."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from . import framework, packages, paths
from .lean import leave_out
from .outcome import UserError
from .server.app import Handler
from .server.workers import cpus, worker_count
from .server.workers import serve as serve_workers
from .source import place_code


def serve() -> int:
    """Serve the model below ``/opt/ml/model`` and return the exit status."""
    try:
        framework.check()
        module = _user_module()
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        return 1
    except Exception:  # noqa: BLE001,RUF100 - the container ends; its log says why
        traceback.print_exc()
        return 1
    # Each worker runs several requests at once, so it must not start a thread a CPU for each.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cpus() // worker_count())))

    def load() -> Handler:
        if module or framework.name() != framework.XGBOOST:
            from .server.user_code import UserCode

            return UserCode(module, framework.handlers(), paths.model())
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
        packages.install(["-r", "requirements.txt"], folder)
    sys.path[:0] = [str(folder), *packages.search_path()]
    return path
