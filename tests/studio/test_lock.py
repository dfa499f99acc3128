"""One lock holder per root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlstudio.studio.lock import LockHeld, StudioLock

HOLD = """
import sys, time
from pathlib import Path
from jupyter_mlstudio.studio.lock import StudioLock
with StudioLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_holder_learns_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "studio.lock"
    with hold(path) as holder:
        with pytest.raises(LockHeld) as error, StudioLock(path):
            pass
        assert error.value.pid == holder.pid
        holder.kill()


def test_the_lock_ends_with_a_killed_holder(tmp_path: Path) -> None:
    path = tmp_path / "studio.lock"
    with hold(path) as holder:
        os.kill(holder.pid, signal.SIGKILL)
    with StudioLock(path):
        assert path.read_text() == str(os.getpid())


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "studio.lock"
    with StudioLock(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with StudioLock(path), child:
        child.kill()
