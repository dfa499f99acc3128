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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import psutil

from .. import __version__
from .._failpoints import reached
from ..core import runfile

log = logging.getLogger(__name__)

S3 = "s3"
GATEWAY = "gateway"
MODULES = {S3: "jupyter_mlstudio.storage", GATEWAY: "jupyter_mlstudio.endpoints.gateway"}

FIRST_RETRY = 0.5
LAST_RETRY = 30.0
STEADY = 60.0
"""Seconds a process has to live for its next failure to count as the first.

After the first it is started again at once, after the second in ``FIRST_RETRY`` seconds, and each
time in twice as many, up to ``LAST_RETRY``.
"""

GRACE = 65.0
"""Seconds a process gets to finish what it has when told to end."""

_START_TIMEOUT = 45.0
_POLL = 0.2


class ChildError(Exception):
    """A process could not be brought up; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Program:
    """A module to run: ``arguments`` follow those for its files, which are in ``run``."""

    name: str
    arguments: tuple[str, ...]
    run: Path

    @property
    def module(self) -> str:
        """What Python runs."""
        return MODULES[self.name]

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
        files = ["--ready", str(self.ready), "--log", str(self.log)]
        return [sys.executable, "-m", self.module, *files, *self.arguments]

    def process(self) -> psutil.Process | None:
        """Return the process that serves now, whoever started it."""
        found = runfile.read(self.ready)
        return runfile.process_of(found, self.module) if found else None

    def unannounced(self) -> list[psutil.Process]:
        """Return processes that do not say they answer: of a studio killed as it started them."""
        announced = self.process()
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = process.cmdline()
                if self.module in command and str(self.ready) in command and process != announced:
                    found.append(process)
        return found

    def end(self) -> None:
        """End every process of this program, whoever started it."""
        for process in (self.process(), *self.unannounced()):
            if process is not None:
                end(process)
        self.ready.unlink(missing_ok=True)


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
            end(self._process)
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
            end(running)
        self._spawn(timeout)

    def _spawn(self, timeout: float) -> None:
        program = self.program
        for process in program.unannounced():
            log.info("Ending %s, process %d, that nobody waits for", program.name, process.pid)
            end(process)
        if self._spawned is not None:
            self._spawned.wait()  # it has ended: let it go
        program.ready.unlink(missing_ok=True)
        with _log_file(program.log) as output:
            self._spawned = spawned = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await(spawned, timeout)
            self._process = psutil.Process(spawned.pid)
        except BaseException:
            spawned.kill()
            spawned.wait()
            raise
        log.info("Started %s, process %d", program.name, spawned.pid)

    def _await(self, spawned: subprocess.Popen[bytes], timeout: float) -> None:
        """Wait until a process says that it answers."""
        program = self.program
        reached("child.spawned")
        deadline = monotonic() + timeout
        while runfile.read(program.ready) is None:
            if (code := spawned.poll()) is not None:
                raise ChildError(f"{program.name} ended with {code}: {last_words(program.log)}")
            if monotonic() > deadline or self._closing.is_set():
                raise ChildError(
                    f"{program.name} was not ready in {timeout:g} s; see {program.log}"
                )
            self._closing.wait(0.02)

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

    def _has_ended(self) -> bool:
        """Return True as soon as the process has ended, False when there is no need to know."""
        while not self._closing.is_set():
            if self._process is None or not self._alive():
                return True
            with suppress(psutil.TimeoutExpired):
                self._process.wait(_POLL)
        return False

    def _watch(self) -> None:
        delay, since = 0.0, monotonic()
        while self._has_ended():
            if monotonic() - since > STEADY:
                delay = 0.0
            when = f"in {delay:g} s" if delay else "at once"
            log.warning("%s ended; starting it again %s", self.program.name, when)
            if self._closing.wait(delay):
                return
            delay, since = min(max(delay * 2, FIRST_RETRY), LAST_RETRY), monotonic()
            try:
                self._bring_up(_START_TIMEOUT)
            except (ChildError, OSError, psutil.Error) as error:
                log.error("%s cannot be started: %s", self.program.name, error)


def left(run: Path) -> list[Program]:
    """Return the programs that run with their files in ``run``, whoever started them."""
    programs = [Program(name, (), run) for name in MODULES]
    return [program for program in programs if program.process() or program.unannounced()]


def end(process: psutil.Process, grace: float = GRACE) -> None:
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


def last_words(path: Path) -> str:
    """Return the last line of a log, and where the others are."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1]} (see {path})" if lines else f"see {path}"
