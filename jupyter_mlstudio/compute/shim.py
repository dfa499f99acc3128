"""Keep one process as if it were a container; run as a script, standard library only.

``python -I -S shim.py FOLDER`` reads ``spec.json`` there, detaches, and holds a lock on ``lock``
while it lives. Output goes to ``log``, a line each: nanoseconds, space, text. ``state.json`` is
replaced in one step when the process starts and when it ends. SIGTERM passes on to the process;
``grace`` then holds the seconds until SIGKILL. Everything the process started ends with it.

Memory is limited by looking at what the whole tree uses (proportional set size), several times a
second: limits on address space or data segments kill healthy programs that only reserve.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TICK = 0.25
LOCK_PATIENCE = 2.0
READ = 1 << 16
_SET_CHILD_SUBREAPER, _SET_PARENT_DEATH_SIGNAL = 36, 1


class LogFile:
    """Lines with their times, each later than the one before; capped per line and in all."""

    def __init__(self, path: Path, max_line: int, max_size: int, cut: str, capped: str) -> None:
        self._file = path.open("ab", buffering=0)
        self._max_line, self._room = max_line, max_size
        self._cut, self._capped = cut.encode(), capped.encode()
        self._open = bytearray()
        self._dropped = False
        self._last = 0

    def feed(self, data: bytes) -> None:
        """Take what was read from the process."""
        *whole, rest = data.split(b"\n")
        records = bytearray()
        for piece in whole:
            self._keep(piece)
            records += self._take()
        self._keep(rest)
        self._write(bytes(records))

    def close(self) -> None:
        """Write the last line, which may lack its newline."""
        if self._open:
            self._write(self._take())
        self._file.close()

    def _keep(self, piece: bytes) -> None:
        room = self._max_line - len(self._open)
        self._open += piece[:room]
        self._dropped = self._dropped or len(piece) > room

    def _take(self) -> bytes:
        self._last = max(self._last + 1, time.time_ns())
        line = b"%d %s%s\n" % (self._last, self._open, self._cut if self._dropped else b"")
        self._open.clear()
        self._dropped = False
        return line

    def _write(self, records: bytes) -> None:
        if self._room <= 0 or not records:
            return
        self._room -= len(records)
        if self._room <= 0:
            records += b"%d %s\n" % (self._last + 1, self._capped)
        self._file.write(records)


class Supervisor:
    """One process, from its start to its exit state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spec: dict[str, Any] = json.loads((folder / "spec.json").read_text())
        self._state: dict[str, Any] = {"pid": os.getpid(), "started_at": time.time()}
        self._deadline: float | None = None
        self._oom = False
        spec = self._spec
        self._log = LogFile(
            folder / "log", spec["max_line"], spec["max_log"], spec["cut"], spec["capped"]
        )

    def run(self) -> None:
        """Start the process, follow it to its end and record how it ended."""
        _prctl(_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, self._terminate)
        try:
            self._child = self._start()
        except OSError as error:
            self._log.feed(f"{error}\n".encode())
            self._finish(127 if isinstance(error, FileNotFoundError) else 126, str(error))
            return
        self._save()
        self._follow()
        self._log.close()
        code = self._child.returncode
        self._finish(128 - code if code < 0 else code, None)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._spec["argv"],
            cwd=self._spec["cwd"],
            env=self._spec["environment"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_limiter(self._spec["open_files"]),
        )

    def _follow(self) -> None:
        assert self._child.stdout is not None  # noqa: S101 - it was asked for
        pipe = self._child.stdout.fileno()
        reading = True
        while reading or self._child.poll() is None:
            if not reading:
                time.sleep(TICK)
            elif select.select([pipe], [], [], TICK)[0]:
                data = os.read(pipe, READ)
                reading = bool(data)
                self._log.feed(data)
            self._look_after()
        _kill_descendants()

    def _look_after(self) -> None:
        if self._child.poll() is not None:
            _kill_descendants()
            return
        limit = self._spec["memory"]
        if limit and _memory(limit) > limit:
            self._oom = True
            self._kill()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._kill()

    def _terminate(self, *_: object) -> None:
        # To the first process alone, as a container engine does; it tells its own.
        self._child.terminate()
        try:
            grace = float((self._folder / "grace").read_text())
        except (OSError, ValueError):
            grace = 10.0
        deadline = time.monotonic() + grace
        self._deadline = min(deadline, self._deadline or deadline)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        _kill_descendants()

    def _finish(self, code: int, error: str | None) -> None:
        self._state.update(
            exit_code=code, finished_at=time.time(), oom_killed=self._oom, error=error
        )
        self._save()

    def _save(self) -> None:
        write_state(self._folder, self._state)


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Replace ``state.json`` in one step."""
    temporary = folder / f".state.{os.getpid()}"
    with temporary.open("w") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / "state.json")


def lock(folder: Path, patience: float) -> int | None:
    """Take the lock of a container that nobody supervises; None where somebody does."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                os.close(handle)
                return None
            time.sleep(0.02)
        else:
            return handle


def descendants(root: int) -> list[int]:
    """Return the process ids below ``root``, as /proc has them now."""
    return below(root, process_table())


def process_table() -> dict[int, list[int]]:
    """Return the children of every process, as /proc has them now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    return children


def below(root: int, children: dict[int, list[int]]) -> list[int]:
    """Return the process ids below ``root`` in a table of children."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        next_ones = children.get(waiting.pop(), [])
        found += next_ones
        waiting += next_ones
    return found


def _memory(limit: int) -> int:
    """Return the bytes the tree uses; shared pages are told apart only when it may matter."""
    pids = descendants(os.getpid())
    resident = sum(_resident(pid) for pid in pids)
    return resident if resident <= limit else sum(_proportional(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return _resident(pid)


def _kill_descendants() -> None:
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _limiter(open_files: int) -> Callable[[], None]:
    def limit() -> None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")

    return limit


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main(folder: Path) -> None:
    """Detach and supervise, unless the container was started before."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if lock(folder, LOCK_PATIENCE) is None or (folder / "state.json").exists():
        return
    Supervisor(folder).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
