"""Find, start and stop the studio of a root: what Jupyter and the command line use."""

from __future__ import annotations

import http.client
import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from .. import __version__
from ..compute.protocol import EngineError
from ..core import runfile
from ..core.settings import Settings, write_atomically
from . import children
from .lock import LockHeld, StudioLock

log = logging.getLogger(__name__)

MODULE = "jupyter_mlstudio.studio"
ALREADY_RUNNING = 75
"""Exit status of a studio that found another one holding the lock of its root."""

_POLL = 0.05
_PATIENCE = 5.0
"""Seconds to wait for a studio that is just ending."""


class StudioError(Exception):
    """The studio could not be found, started or stopped; the message is for the user."""


@dataclass(frozen=True, slots=True)
class StudioInfo:
    """A running studio. ``started`` is in seconds since the epoch."""

    pid: int
    started: float
    version: str
    studio_id: str
    url: str
    s3_url: str
    gateway_url: str

    def health(self, timeout: float = 5.0) -> dict[str, Any]:
        """Ask the studio how it is.

        Raises :class:`StudioError` when it does not answer within ``timeout`` seconds, or when
        another program answers at its address.
        """
        try:
            with urllib.request.urlopen(f"{self.url}/_health", timeout=timeout) as answer:  # noqa: S310 - our own address
                health: dict[str, Any] = json.load(answer)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StudioError(
                f"The studio (process {self.pid}) does not answer at {self.url}: {error}"
            ) from error
        if health.get("studio_id") != self.studio_id:
            raise StudioError(f"Another program answers at {self.url}, the studio's address")
        return health


def run_file(settings: Settings) -> Path:
    """Return where a studio that serves says so."""
    return settings.run / "studio.json"


def lock_file(settings: Settings) -> Path:
    """Return the file that the studio of this root holds locked."""
    return settings.run / "studio.lock"


def stop_request(settings: Settings) -> Path:
    """Return the file that tells a stopping studio to stop containers as well."""
    return settings.run / "stop-all"


def find(settings: Settings) -> StudioInfo | None:
    """Return the studio that serves this root, or None. Costs no request."""
    found = runfile.read(run_file(settings))
    if found is None or runfile.process_of(found, MODULE) is None:
        return None
    fields = found.fields
    return StudioInfo(
        pid=found.pid,
        started=found.started,
        version=found.version,
        studio_id=str(fields["studio_id"]),
        url=str(fields["url"]),
        s3_url=str(fields["s3_url"]),
        gateway_url=str(fields["gateway_url"]),
    )


def ensure(settings: Settings, timeout: float = 90.0) -> StudioInfo:
    """Return the studio of this root in this version, starting it where there is none.

    An older or newer studio is replaced when nothing runs on it. Any number of callers may ask
    at once: the lock lets one studio through, and all get that one.

    Raises
    ------
    StudioError
        It could not be started, does not answer, or is of another version and busy.
    """
    deadline = time.monotonic() + timeout
    running, health = _healthy(settings, max(1.0, min(5.0, timeout)))
    if running is not None:
        if running.version == __version__:
            return running
        _replace(settings, running, health)
    while time.monotonic() < deadline:
        info = find(settings)
        if info is not None and info.version == __version__:
            return info
        code = _start(settings, deadline - time.monotonic())
        if code == ALREADY_RUNNING:
            time.sleep(_POLL)
        elif code:
            raise StudioError(
                f"The studio did not start: {children.last_words(log_file(settings))}"
            )
    raise StudioError(_silent(settings, timeout))


def _healthy(settings: Settings, timeout: float) -> tuple[StudioInfo | None, dict[str, Any]]:
    """Return the studio that runs and its health; none when it ends while it is asked."""
    running = find(settings)
    if running is None:
        return None, {}
    try:
        return running, running.health(timeout)
    except StudioError:
        if _ends(settings, running, 1.0):
            return None, {}
        raise


def _ends(settings: Settings, running: StudioInfo, timeout: float) -> bool:
    """Say whether a studio is gone within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while (found := find(settings)) is not None and found.pid == running.pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def stop(settings: Settings, timeout: float = 90.0, *, containers: bool = False) -> bool:
    """End the studio, its S3 front and its gateway; return False when none of them was running.

    What a killed studio left behind is ended too. Containers go on and are found again by the
    next studio, unless ``containers``.

    Raises :class:`StudioError` when the studio has not ended after ``timeout`` seconds.
    """
    if containers and holder(settings) is None:
        _stop_orphans(settings)
    process, left = holder(settings), children.left(settings.run)
    if process is not None:
        if containers:
            write_atomically(stop_request(settings), "")
        _end(settings, process, timeout)
    _end_left(settings)
    return process is not None or bool(left)


def _stop_orphans(settings: Settings) -> None:
    """Stop containers whose studio is gone.

    A studio is started for that, as it lets jobs end in their own order and keeps their models;
    where none starts, they are stopped by their label.
    """
    from . import containers

    try:
        if not containers.running(settings):
            return
        try:
            ensure(settings)
        except StudioError as error:
            log.warning("%s", error)
            containers.stop(settings)
    except EngineError as error:
        log.warning("Containers cannot be stopped: %s", error.reason)


def _end(settings: Settings, process: psutil.Process, timeout: float) -> None:
    try:
        process.terminate()
        process.wait(timeout)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        raise StudioError(
            f"The studio (process {process.pid}) has not ended after {timeout:g} s; "
            f"its log is {log_file(settings)}"
        ) from None


def _end_left(settings: Settings) -> None:
    """End the processes that outlived their studio, with no studio coming up meanwhile."""
    deadline = time.monotonic() + _PATIENCE
    while children.left(settings.run):
        try:
            with StudioLock(lock_file(settings)):
                for program in children.left(settings.run):
                    program.end()
        except LockHeld:
            # By a studio that was killed and is not quite gone, or by a new one.
            if time.monotonic() > deadline:
                raise StudioError(
                    f"Another studio has just been started on {settings.root}; stop that one."
                ) from None
            time.sleep(_POLL)


def log_file(settings: Settings) -> Path:
    """Return where the studio writes what it does."""
    return settings.run / "studio.log"


def _replace(settings: Settings, running: StudioInfo, health: dict[str, Any]) -> None:
    if health["busy"]:
        raise StudioError(
            f"A studio of version {running.version} runs on {settings.root} and has work to do, "
            f"but this is version {__version__}. Wait for its jobs and delete its endpoints, or "
            f"run 'jupyter mlstudio stop' (containers go on), then try again."
        )
    stop(settings)


def _start(settings: Settings, timeout: float) -> int:
    """Start a studio in the background; return 0 once it answers, else its exit status."""
    settings.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    output = os.open(log_file(settings), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    command = [sys.executable, "-m", MODULE, "--root", str(settings.root), "--detach"]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=max(timeout, _POLL),
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        raise StudioError(_silent(settings, timeout)) from None
    finally:
        os.close(output)


def holder(settings: Settings) -> psutil.Process | None:
    """Return the process that holds the lock of this root, serving already or not."""
    try:
        process = psutil.Process(int(lock_file(settings).read_text()))
        command = process.cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if MODULE in command and str(settings.root) in command else None


def _silent(settings: Settings, timeout: float) -> str:
    return f"The studio did not answer within {timeout:.0f} s; its log is {log_file(settings)}"
