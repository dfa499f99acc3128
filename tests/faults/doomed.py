"""A studio in whose processes a fail-point acts, and which is started again when it is gone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from botocore.config import Config
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError

from jupyter_mlstudio import _failpoints
from jupyter_mlstudio.core import runfile
from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.studio import client as studio_client
from jupyter_mlstudio.studio.client import StudioError
from tests.conftest import RunningStudio

PROCESSES = ("studio", "s3", "gateway")
_BESIDE = ("s3", "gateway", "file", "child")
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5)
_PAUSE, _PATIENCE = 0.5, 3000
"""Seconds between two tries of a request, and how many there may be."""


class Doomed(RunningStudio):
    """A studio whose clients retry for as long as a restart takes."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings)
        self._folder = folder
        self._count = 0
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **extra: Any) -> Any:  # type: ignore[override] # as there
        """Return a client that is patient."""
        if service not in self._clients:
            made = super().client(service, **{"config": _ONCE, **extra})
            made.meta.events.register_first("needs-retry", _try_again)
            self._clients[service] = made
        return self._clients[service]

    def pid(self, process: str) -> int | None:
        """Return the process that serves, None while there is none."""
        found = runfile.read(self.settings.run / f"{process}.json")
        with suppress(psutil.NoSuchProcess):
            if found and psutil.Process(found.pid).status() != psutil.STATUS_ZOMBIE:
                return found.pid
        return None

    def pids(self) -> dict[str, int | None]:
        """Return the process of each sort."""
        return {name: self.pid(name) for name in PROCESSES}

    def kill(self, *names: str) -> None:
        """Kill processes, all of them unless some are named, and wait until they are gone."""
        pids = [pid for name in names or PROCESSES if (pid := self.pid(name))]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).wait(20)

    def start_armed(self, point: str, nth: int = 1, action: str = "kill") -> Path:
        """Start with a point armed, once; return the file that is there once it has acted."""
        self._count += 1
        mark = self._folder / f"{self._count}-{point}"
        armed = {
            _failpoints.VARIABLE: f"{point}:{nth}:{action}",
            _failpoints.ONCE: str(mark),
        }
        os.environ.update(armed)
        try:
            self.start()
        except StudioError:
            if not mark.exists():
                raise
        finally:
            for variable in armed:
                del os.environ[variable]
        return mark

    @contextmanager
    def failing(self, *points: str, nth: int = 1) -> Iterator[None]:
        """Start the studio with points at each of which an error is raised once.

        All have to be reached within the block, or soon after, and no process may end of it.
        """
        self._count += 1
        marks = [self._folder / f"{self._count}-{point}" for point in points]
        self.kill(*PROCESSES)
        armed = {
            _failpoints.VARIABLE: ",".join(f"{point}:{nth}:fail" for point in points),
            _failpoints.ONCE: str(self._folder / f"{self._count}-{{}}"),
        }
        os.environ.update(armed)
        try:
            try:
                self.start()
            except StudioError:
                if not any(mark.exists() for mark in marks):
                    raise
                self.start()  # it was an error on the way up
        finally:
            for variable in armed:
                del os.environ[variable]
        before = self.pids()
        yield
        deadline = time.monotonic() + 60
        while missing := [mark.name for mark in marks if not mark.exists()]:
            assert time.monotonic() < deadline, f"not reached: {missing}"
            time.sleep(0.2)
        assert self.pids() == before, "a process ended"

    @contextmanager
    def armed(
        self, *points: str, nth: int = 1, action: str = "kill", wait: bool = True
    ) -> Iterator[Keeper]:
        """Kill the studio and start it with a point armed; whoever dies of it is started again.

        Of several points the next is armed each time. The processes beside the studio are killed
        too where a point may be theirs. With ``wait``, all have to be reached soon after the block.
        """
        beside = any(point.startswith(_BESIDE) for point in points)
        names = PROCESSES if beside else ("studio",)
        self.kill(*names)
        marks = (self.start_armed(point, nth, action) for point in points)
        keeper = Keeper(self, marks, names, len(points))
        keeper.start()
        try:
            yield keeper
            if wait:
                keeper.wait_while(lambda: True)
                assert keeper.reached == len(points), f"only {keeper.reached} were reached"
        finally:
            keeper.close()
        assert keeper.error is None, keeper.error
        self.start()


def _try_again(
    response: Any, attempts: int, caught_exception: Exception | None, **_: Any
) -> float | None:
    """Say when to send a request again, as botocore does, but for longer and without a budget."""
    failed = isinstance(caught_exception, (BotoConnectionError, HTTPClientError)) or (
        response is not None and response[0].status_code >= 500
    )
    return _PAUSE if failed and attempts < _PATIENCE else None


class Keeper(threading.Thread):
    """Starts a studio again that has died, as a supervisor would: with the next point armed."""

    def __init__(
        self, studio: Doomed, marks: Iterator[Path], names: Sequence[str], total: int
    ) -> None:
        super().__init__(daemon=True)
        self._studio = studio
        self._marks = marks
        self._names = names
        self._total = total
        self._mark: Path | None = next(marks)
        self._closing = threading.Event()
        self.reached = 0
        self.error: StudioError | None = None

    def run(self) -> None:
        while not self._closing.wait(0.05):
            try:
                if self._mark is not None and self._mark.exists():
                    self._after()
                elif studio_client.find(self._studio.settings) is None:
                    self._studio.start()
            except StudioError as error:
                self.error = error
                return

    def _after(self) -> None:
        """Go on to the next point, if there is one."""
        self.reached += 1
        if self.reached < self._total:
            self._studio.kill(*self._names)  # who reached the last one is dead, or about to be
        self._mark = next(self._marks, None)

    def wait_while(self, busy: Callable[[], object], seconds: float = 90) -> None:
        """Wait until every point was reached, or nothing is ``busy`` any more.

        Gives up ``seconds`` after the last point that was reached.
        """
        before, deadline = self.reached, time.monotonic() + seconds
        while self.reached < self._total and time.monotonic() < deadline:
            assert self.error is None, self.error
            if not busy():
                time.sleep(1)
                if self.reached == before and not busy():
                    return
            if self.reached != before:
                before, deadline = self.reached, time.monotonic() + seconds
            time.sleep(0.2)

    def close(self) -> None:
        self._closing.set()
        self.join()
