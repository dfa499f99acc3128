"""Worker processes that share one listening socket.

Each loads the model for itself after the fork: OpenMP's threads do not survive one. The socket
listens from the moment the first worker is ready, so that ``/ping`` is refused until then.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from .app import Application, Handler

_BACKLOG = 1024
_EARLY = 10.0
_PATIENCE = 20.0
_MAX_EARLY_DEATHS = 3


def cpus() -> int:
    """Return how many CPUs this process may use: affinity and the control group's quota."""
    available = len(os.sched_getaffinity(0))
    quota = _quota()
    return max(1, min(available, round(quota))) if quota else available


def worker_count() -> int:
    """Return ``SAGEMAKER_MODEL_SERVER_WORKERS``, or one a CPU."""
    return max(1, int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or cpus()))


def serve(load: Callable[[], Handler]) -> int:
    """Serve the handler that ``load`` returns until SIGTERM; return the exit status.

    A worker that dies is replaced, unless workers keep dying as soon as they start.
    """
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    host = os.environ.get("MLSTUDIO_BIND_HOST") or "0.0.0.0"  # noqa: S104 - in a container
    listener = bind(host, port)
    count = worker_count()
    print(f"Serving on port {port} with {count} worker(s)", flush=True)
    if count == 1:
        return _work(listener, load, count)
    return _Pool(listener, load, count).run()


def bind(host: str, port: int) -> socket.socket:
    """Bind, but do not listen yet: a client is refused until a worker is ready."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


class _Pool:
    def __init__(self, listener: socket.socket, load: Callable[[], Handler], count: int) -> None:
        self._listener = listener
        self._load = load
        self._count = count
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for _ in range(self._count):
            self._fork()
        early = 0
        while self._started:
            pid, status = os.wait()
            begun = self._started.pop(pid, None)
            if begun is None or self._stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            print(f"Worker {pid} ended with {code}", file=sys.stderr, flush=True)
            early = early + 1 if time.monotonic() - begun < _EARLY else 0
            if early >= _MAX_EARLY_DEATHS:
                self._stop(signal.SIGTERM, None)
                early = -1
                continue
            self._fork()
        return 1 if early < 0 else 0

    def _fork(self) -> None:
        pid = os.fork()
        if pid:
            self._started[pid] = time.monotonic()
            return
        os._exit(_work(self._listener, self._load, self._count))

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._started:
            os.kill(pid, signal.SIGTERM)


def _work(listener: socket.socket, load: Callable[[], Handler], count: int) -> int:
    """Load the model and serve it; the exit status of this worker."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        handler = load()
    except SystemExit:
        return 0
    except Exception:  # noqa: BLE001,RUF100 - the container ends; its log says why
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    application = Application(handler, concurrency=count)
    listener.listen(_BACKLOG)
    try:
        application.serve_forever(listener)
    except SystemExit:
        application.drain(_PATIENCE)
    sys.stdout.flush()
    return 0


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _quota() -> float | None:
    """Return the control group's CPU limit, in cores; None where there is none."""
    unified = Path("/sys/fs/cgroup/cpu.max")
    if unified.exists():
        limit, period = unified.read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    quota = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    if quota.exists() and int(quota.read_text()) > 0:
        return int(quota.read_text()) / int(quota.with_name("cpu.cfs_period_us").read_text())
    return None
