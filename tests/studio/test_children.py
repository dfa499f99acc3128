"""Processes beside the studio: started, adopted, replaced, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_mlstudio import __version__
from jupyter_mlstudio.core import runfile
from jupyter_mlstudio.studio import children
from jupyter_mlstudio.studio.children import Child, ChildError, Program

SERVER = """
import json, os, sys, time
ready, what, version = sys.argv[2], sys.argv[5], sys.argv[6]
if what == "broken":
    sys.exit("no such data")
if what == "mute":
    time.sleep(60)
with open(ready + "~", "w") as file:
    json.dump({"pid": os.getpid(), "started": time.time(), "version": version}, file)
os.replace(ready + "~", ready)
time.sleep(600)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Program]]:
    (tmp_path / "pretend_server.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(children.MODULES, "pretend", "pretend_server")

    def make(what: str = "serve", version: str = __version__) -> Program:
        return Program("pretend", (what, version), tmp_path / "run")

    yield make
    left = make().process()
    if left is not None:
        left.kill()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_a_child_serves_until_it_is_stopped(program: Callable[..., Program]) -> None:
    child = Child(program())
    child.start()
    pid = child.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    child.stop()
    assert not psutil.pid_exists(pid)
    assert not program().ready.exists()


def test_a_running_one_is_adopted(program: Callable[..., Program]) -> None:
    first, second = Child(program()), Child(program())
    first.start()
    first.leave()
    second.start()
    assert second.pid == first.pid
    second.stop()
    assert first.pid is None


def test_one_that_a_killed_studio_had_just_started_is_ended(
    program: Callable[..., Program],
) -> None:
    mute = program("mute")
    mute.run.mkdir()
    orphan = subprocess.Popen(mute.command)
    wait_for(mute.unannounced)
    child = Child(program())
    child.start()
    assert orphan.wait(10) is not None
    assert child.pid not in (None, orphan.pid)
    assert program().unannounced() == []
    child.stop()


@pytest.mark.parametrize("change", [{"version": "0.0.1"}, {"what": "other"}])
def test_one_of_another_version_or_setup_is_replaced(
    program: Callable[..., Program], change: dict[str, str]
) -> None:
    first, second = Child(program(**change)), Child(program())
    first.start()
    first.leave()
    old = first.pid
    second.start()
    assert second.pid not in (None, old)
    assert first.pid is None
    second.stop()


def test_a_killed_one_comes_back(program: Callable[..., Program]) -> None:
    child = Child(program())
    child.start()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.pid not in (None, first))
    child.stop()


def test_a_killed_adopted_one_comes_back(program: Callable[..., Program]) -> None:
    first, second = Child(program()), Child(program())
    first.start()
    first.leave()
    second.start()
    assert second.pid is not None
    os.kill(second.pid, signal.SIGKILL)
    wait_for(lambda: second.pid not in (None, first._process.pid))  # type: ignore[union-attr] # started
    second.stop()
    assert first.pid is None


def test_the_first_start_again_is_at_once_and_the_next_is_not(
    program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "FIRST_RETRY", 30.0)
    child = Child(program())
    child.start()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.pid not in (None, first), 20)
    second = child.pid
    assert second is not None
    os.kill(second, signal.SIGKILL)
    time.sleep(2)
    assert child.pid is None
    child.stop()


def test_one_that_cannot_be_started_again_at_once_is_later(
    program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError(12, "Cannot allocate memory"), psutil.NoSuchProcess(1)])

    def fail(_: str) -> None:
        if error := next(failures, None):
            raise error

    monkeypatch.setattr(children, "FIRST_RETRY", 0.01)
    child = Child(program())
    with monkeypatch.context() as patch:
        patch.setattr(children, "reached", fail)
        with pytest.raises(OSError, match="memory"):
            child.start()
        assert not program().unannounced()
        child.stop()  # and has nobody to wait for
        child = Child(program())
        failures = iter([None, OSError(12, "Cannot allocate memory"), psutil.NoSuchProcess(1)])
        child.start()
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: child.pid not in (None, first))
    child.stop()
    assert next(failures, "none") == "none"


def test_what_is_left_is_found_and_ended(program: Callable[..., Program]) -> None:
    child = Child(program())
    child.start()
    child.leave()
    (left,) = children.left(program().run)
    left.end()
    assert children.left(program().run) == []
    assert child.pid is None
    assert not left.ready.exists()


def test_the_error_carries_the_last_words(program: Callable[..., Program]) -> None:
    with pytest.raises(ChildError, match="pretend ended with 1: no such data"):
        Child(program("broken")).start()


def test_a_silent_one_is_killed(program: Callable[..., Program]) -> None:
    child = Child(program("mute"))
    with pytest.raises(ChildError, match=r"was not ready in 0\.5 s"):
        child.start(timeout=0.5)
    assert child.pid is None


def test_a_dead_pid_in_the_ready_file_is_recognised(program: Callable[..., Program]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale(program(), gone.pid)
    assert program().process() is None


def test_a_reused_pid_in_the_ready_file_is_recognised(program: Callable[..., Program]) -> None:
    stale(program(), os.getpid())
    assert program().process() is None
    child = Child(program())
    child.start()
    assert child.pid not in (None, os.getpid())
    again = runfile.read(program().ready)
    assert again is not None
    stale(program(), again.pid, started=time.time() - 3600)
    assert program().process() is None
    stale(program(), again.pid)
    assert program().process() is not None
    child.stop()


def test_half_a_ready_file_is_none(program: Callable[..., Program]) -> None:
    stale(program(), 1)
    path = program().ready
    path.write_text(path.read_text()[:10])
    assert runfile.read(path) is None


def test_it_comes_back_every_time(
    program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "FIRST_RETRY", 0.01)
    child = Child(program())
    child.start()
    seen = {child.pid}
    for _ in range(3):
        pid = child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: child.pid not in {None, *seen})
        seen.add(child.pid)
    child.stop()
    assert len(seen) == 4


def stale(program: Program, pid: int, started: float | None = None) -> None:
    program.run.mkdir(parents=True, exist_ok=True)
    document = {"pid": pid, "started": started or time.time(), "version": __version__}
    program.ready.write_text(json.dumps(document))
