"""Running a program as this one's stand-in: its output passes through, signals reach it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

_TAIL_LINES = 200
_REASON = 1000


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status, 128 + n for signal n, and the last of its stderr."""

    command: Sequence[str]
    status: int
    tail: Sequence[bytes]

    def reason(self, kind: str) -> str:
        """Say what happened; SageMaker shows 1024 characters, so the error comes first."""
        message = self._last()
        error = message.splitlines()[-1] if message else ""
        killed = self.status == 128 + signal.SIGKILL
        memory = "\nOutOfMemory: Process killed by SIGKILL (signal 9)" if killed else ""
        return (
            f'{kind}:\nExitCode {self.status}\nErrorMessage "{error}"{memory}\n'
            f'{message}\nCommand "{" ".join(self.command)}"'
        )

    def _last(self) -> str:
        text = b"\n".join(self.tail).decode(errors="replace").strip()
        start = text.rfind("Traceback (most recent call last)")
        return text[start if start >= 0 else 0 :][-_REASON:]


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run a command in a folder. SIGTERM goes on to it; stdout and stderr come as they are."""
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    # Before the program starts, as it may be told to stop at once.
    previous = signal.signal(signal.SIGTERM, forward)
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)
    for number in early:
        process.send_signal(number)
    tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
    assert process.stderr is not None  # noqa: S101 - we asked for a pipe
    # A grandchild may keep the pipe open after the program has ended, hence the thread.
    reader = threading.Thread(target=_copy, args=(process.stderr, tail), daemon=True)
    reader.start()
    status = process.wait()
    reader.join(timeout=2)
    signal.signal(signal.SIGTERM, previous)
    return Ended(command, status if status >= 0 else 128 - status, list(tail))


def _copy(stream: BinaryIO, tail: deque[bytes]) -> None:
    """Pass bytes on at once, so that a progress bar moves, and keep the last lines."""
    partial = b""
    while chunk := os.read(stream.fileno(), 1 << 16):
        sys.stderr.buffer.write(chunk)
        sys.stderr.buffer.flush()
        *lines, partial = (partial + chunk).split(b"\n")
        tail.extend(lines)
        partial = partial[-_REASON:]
    if partial:
        tail.append(partial)
