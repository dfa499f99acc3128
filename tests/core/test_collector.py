"""Logs are followed to their ends, whatever fails meanwhile."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlstudio.compute.protocol import LogLine
from jupyter_mlstudio.core import collector
from jupyter_mlstudio.core.collector import LogCollector
from jupyter_mlstudio.core.logs import LogStore

from .fake_engine import FakeEngine

LINES = [LogLine(n, f"line {n}") for n in range(1, 6)]


class Printing(FakeEngine):
    """An engine one of whose containers has printed some lines; the first reads fail."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self._failures = list(failures)

    def logs(self, name: str, since_ns: int = 0) -> Iterator[LogLine]:
        yield from (line for line in LINES[:3] if line.time_ns > since_ns)
        if self._failures:
            time.sleep(0.3)  # until what came before is written
            raise self._failures.pop(0)
        yield from (line for line in LINES[3:] if line.time_ns > since_ns)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_RETRY", 0.02)


def followed(
    engine: FakeEngine, logs: LogStore, written: Callable[[], None] | None = None
) -> list[str]:
    """Follow a log to its end; return what was kept of it."""
    following = LogCollector(engine)
    deadline = time.monotonic() + 20
    while not following.follow("c", logs, "g", "s", written):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    following.close()
    return [event.message for event in logs.read("g", "s").events]


def test_a_stream_that_cannot_be_made_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = LogStore(tmp_path)
    create, full = logs.create, threading.Event()

    def once(group: str, stream: str) -> None:
        if not full.is_set():
            full.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        create(group, stream)

    monkeypatch.setattr(logs, "create", once)
    assert followed(Printing(), logs) == [line.text for line in LINES]
    assert full.is_set()


def test_a_failure_that_nobody_foresaw_loses_no_line(tmp_path: Path) -> None:
    engine = Printing(RuntimeError("what?"), ValueError("and now?"))
    assert followed(engine, LogStore(tmp_path)) == [line.text for line in LINES]


def test_a_log_that_can_never_be_read_on_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_LAST_FAILURE", 2)
    engine = Printing(*[RuntimeError("what?") for _ in range(10)])
    kept = followed(engine, LogStore(tmp_path))
    assert kept == [*(line.text for line in LINES[:3]), collector.LOST]


def test_who_looks_at_lines_and_fails_loses_none(tmp_path: Path) -> None:
    looks = 0

    def fail() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError("no such metric")

    assert followed(Printing(), LogStore(tmp_path), fail) == [line.text for line in LINES]
    assert looks == 1
