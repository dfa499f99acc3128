"""Find, start and stop the studio of a root: what Jupyter and the command line use."""

from __future__ import annotations

import http.client
import json
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
from ..core.settings import Settings, write_atomically
from . import runfile

MODULE = "jupyter_mlstudio.studio"
ALREADY_RUNNING = 75
"""Exit status of a studio that found another one holding the lock of its root."""

_POLL = 0.05


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
            raise StudioError(f"The studio did not start: {_last_words(settings)}")
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
    """End the studio, its S3 front and its gateway; return False when none was running.

    Containers go on and are found again by the next studio, unless ``containers``.

    Raises :class:`StudioError` when it has not ended after ``timeout`` seconds.
    """
    process = _process(settings)
    if process is None:
        return False
    if containers:
        write_atomically(stop_request(settings), "")
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
    return True


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


def _process(settings: Settings) -> psutil.Process | None:
    """Return the process that holds the lock of this root, serving already or not."""
    try:
        process = psutil.Process(int((settings.run / "studio.lock").read_text()))
        command = process.cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if MODULE in command and str(settings.root) in command else None


def _silent(settings: Settings, timeout: float) -> str:
    return f"The studio did not answer within {timeout:.0f} s; its log is {log_file(settings)}"


def _last_words(settings: Settings) -> str:
    path = log_file(settings)
    lines = path.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1]} (see {path})" if lines else f"see {path}"
