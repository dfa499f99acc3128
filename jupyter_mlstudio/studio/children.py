"""The S3 front and the gateway: started, adopted, watched and stopped by the studio.

They live in process groups of their own, so that they go on serving when the studio is killed;
the next studio adopts them through their ready files.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import psutil

from .. import __version__
from . import runfile

log = logging.getLogger(__name__)

FIRST_RETRY = 0.5
LAST_RETRY = 30.0
STEADY = 60.0
"""Seconds a process has to live for its next failure to count as the first."""

_START_TIMEOUT = 45.0
_POLL = 0.2


class ChildError(Exception):
    """A process could not be brought up; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Program:
    """A module to run: ``arguments`` follow ``--ready FILE``; ``run`` holds its files.

    ``grace`` is how many seconds it may take to finish what it has when told to end.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    run: Path
    grace: float = 15.0

    @property
    def ready(self) -> Path:
        """Where the process says that it answers."""
        return self.run / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.run / f"{self.name}.log"

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, "-m", self.module, "--ready", str(self.ready), *self.arguments]

    def process(self) -> psutil.Process | None:
        """Return the process that serves now, whoever started it."""
        found = runfile.read(self.ready)
        return runfile.process_of(found, self.module) if found else None


@dataclass
class Child:
    """Keeps one program running until told to stop."""

    program: Program
    _spawned: subprocess.Popen[bytes] | None = None
    _process: psutil.Process | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, timeout: float = _START_TIMEOUT) -> None:
        """Adopt the program where it runs in this version, else start it; return when it serves.

        Raises :class:`ChildError` when it ends, or says nothing within ``timeout`` seconds.
        """
        self._bring_up(timeout)
        self._thread = threading.Thread(
            target=self._watch, name=f"watch-{self.program.name}", daemon=True
        )
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process that serves, None while there is none."""
        process = self._process
        return process.pid if process is not None and self._alive() else None

    def connections(self) -> int:
        """Count the connections that clients have open to the process."""
        process = self._process
        if process is None or not self._alive():
            return 0
        established = psutil.CONN_ESTABLISHED
        return sum(c.status == established for c in process.net_connections(kind="tcp"))

    def leave(self) -> None:
        """Stop watching; the process goes on."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Stop watching and end the process."""
        self.leave()
        if self._process is not None:
            end(self._process, self.program.grace)
        if self._spawned is not None:
            self._spawned.wait()
        self.program.ready.unlink(missing_ok=True)

    def _bring_up(self, timeout: float) -> None:
        running = self.program.process()
        found = runfile.read(self.program.ready)
        if running is not None and found is not None:
            wanted = self.program.command
            if found.version == __version__ and running.cmdline() == wanted:
                log.info("Adopted %s, process %d", self.program.name, running.pid)
                self._process = running
                return
            log.info("Replacing %s %s, process %d", self.program.name, found.version, running.pid)
            end(running, self.program.grace)
        self._spawn(timeout)

    def _spawn(self, timeout: float) -> None:
        program = self.program
        program.ready.unlink(missing_ok=True)
        with _log_file(program.log) as output:
            self._spawned = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = monotonic() + timeout
        while runfile.read(program.ready) is None:
            if (code := self._spawned.poll()) is not None:
                raise ChildError(f"{program.name} ended with {code}: {_last_words(program.log)}")
            if monotonic() > deadline or self._closing.is_set():
                self._spawned.kill()
                self._spawned.wait()
                raise ChildError(
                    f"{program.name} was not ready in {timeout:g} s; see {program.log}"
                )
            self._closing.wait(0.02)
        self._process = psutil.Process(self._spawned.pid)
        log.info("Started %s, process %d", program.name, self._spawned.pid)

    def _alive(self) -> bool:
        if self._spawned is not None and self._spawned.poll() is not None:
            return False
        process = self._process
        try:
            return (
                process is not None
                and process.is_running()
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False

    def _watch(self) -> None:
        delay, since = FIRST_RETRY, monotonic()
        while not self._closing.wait(_POLL):
            if self._alive():
                continue
            if monotonic() - since > STEADY:
                delay = FIRST_RETRY
            log.warning("%s ended; starting it again in %g s", self.program.name, delay)
            if self._closing.wait(delay):
                return
            delay, since = min(delay * 2, LAST_RETRY), monotonic()
            try:
                self._bring_up(_START_TIMEOUT)
            except ChildError as error:
                log.error("%s", error)


def end(process: psutil.Process, grace: float) -> None:
    """Ask a process to end, and kill it when it has not within ``grace`` seconds."""
    try:
        process.terminate()
        try:
            process.wait(grace)
        except psutil.TimeoutExpired:
            log.warning("Process %d did not end in %g s; killed", process.pid, grace)
            process.kill()
            process.wait(grace)
    except psutil.NoSuchProcess:
        return


def _log_file(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _last_words(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1]} (see {path})" if lines else f"see {path}"
