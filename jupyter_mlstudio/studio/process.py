"""The life of a studio process around what it serves: detach, lock, run, report."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .._logfile import log_to
from ..core.settings import default_root, load_settings
from .client import ALREADY_RUNNING, lock_file, log_file, stop_request
from .lock import LockHeld, StudioLock, TwinRuns, only_one


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studio of a root until it is told to stop; return the exit status.

    What is heavy is imported below the lock, so that a second studio notices at once.
    """
    options = _parse(arguments)
    os.umask(0o077)
    ready = _detach() if options.detach else _nothing
    settings = load_settings(options.root)
    log_to(log_file(settings) if options.detach else None)
    for name in ("alembic", "botocore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with StudioLock(lock_file(settings)), only_one(settings.studio_id):
            # Of a studio that was killed before it could obey: it is not meant for this one.
            stop_request(settings).unlink(missing_ok=True)
            from ..wire.connections import allow_many_files
            from .serve import StartError, serve

            allow_many_files()
            try:
                serve(settings, ready)
            except StartError as error:
                print(error, file=sys.stderr)
                return 1
    except TwinRuns:
        print(
            f"Another studio with the id {settings.studio_id} runs on this machine: one of the two "
            "roots is a copy of the other. Stop that one first; or make the copy a studio of its "
            "own: delete studio.json there, then run 'jupyter mlstudio database adopt'.",
            file=sys.stderr,
        )
        return 1
    except LockHeld as held:
        print(
            f"A studio runs on {settings.root} already: process {held.pid or 'starting'}.",
            file=sys.stderr,
        )
        return ALREADY_RUNNING
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlstudio.studio")
    parser.add_argument("--root", type=Path, default=default_root())
    parser.add_argument(
        "--detach", action="store_true", help="go on in the background once the studio answers"
    )
    return parser.parse_args(arguments)


def _detach() -> Callable[[], None]:
    """Go on in a child of init; return what to call once ready.

    The process that was started ends then with status 0, or with the child's when that ends
    before. So whoever started it has no child to wait for, and knows that the studio answers.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        if os.read(reader, 1):
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os._exit(max(1, os.waitstatus_to_exitcode(status)))
    os.close(reader)
    os.setsid()

    def ready() -> None:
        os.write(writer, b"1")
        os.close(writer)

    return ready


def _nothing() -> None:
    return
