"""The process that feeds the FIFOs of one host: ``python -m ... --plan FILE``.

It outlives the studio, because a program that reads a FIFO takes the end of whoever writes for the
end of the data. For the same reason it keeps a FIFO open that it cannot go on with: it says why in
``problem`` beside its plan, and the studio ends the container. It ends when its plan is removed.

The folder of the FIFOs belongs to the container from its start on. It is opened before, and what
is found in it is used only if it is the FIFO that was made.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..._identity import identity
from .order import order, shard
from .records import BadObject, Stream

log = logging.getLogger(__name__)

PLAN = "plan.json"
"""File of the feeder's folder: what to feed, an array of what :class:`Channel` needs."""
RUN = "feeder.json"
"""File where it says who it is, once its FIFOs are there."""
PROBLEM = "problem"
"""File where it says why it cannot go on."""
LOOK = 1.0
"""Seconds between two looks at whether the plan is still there."""
PIPE_SIZE = 1 << 20
_OPEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class TakenAway(Exception):
    """The container did something to a FIFO or its folder; it gets no more from it."""


class Channel:
    """One FIFO after another, each with all the data.

    Parameters
    ----------
    plan:
        ``folder`` of the FIFOs and their ``name`` without the number, what :class:`Stream` needs,
        the ``seed`` of the shuffle or None, and ``share``: which of how many parts is read here.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.name: str = plan["name"]
        self._folder = os.open(plan["folder"], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._stream = Stream(plan)
        self._seed: int | None = plan["seed"]
        self._share: tuple[int, int] = tuple(plan["share"])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._fifo(0), dir_fd=self._folder)
        self._made = self._make(0)

    def feed(self) -> None:
        """Feed epochs for ever.

        What is raised while an epoch is being sent leaves its FIFO open, so that it has no end.
        """
        epoch = 0
        while True:
            out = self._open(epoch)
            with contextlib.suppress(BrokenPipeError):
                self._stream.send(out, self._entries(epoch))
            try:
                # A program may look for the next one as soon as it has read the end of this one.
                self._made = self._make(epoch + 1)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._fifo(epoch), dir_fd=self._folder)
            finally:
                os.close(out)
            epoch += 1

    def _fifo(self, epoch: int) -> str:
        return f"{self.name}_{epoch}"

    def _entries(self, epoch: int) -> Sequence[int]:
        return shard(order(len(self._stream), self._seed, epoch), *self._share)

    def _make(self, epoch: int) -> tuple[int, int]:
        name = self._fifo(epoch)
        try:
            os.mkfifo(name, 0o666, dir_fd=self._folder)
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except OSError as error:
            raise TakenAway(f"{name} cannot be made: {error.strerror}") from error
        return found.st_dev, found.st_ino

    def _open(self, epoch: int) -> int:
        """Wait for a reader; return what to write to."""
        name = self._fifo(epoch)
        try:
            out = os.open(name, _OPEN, dir_fd=self._folder)
        except OSError as error:
            raise TakenAway(f"{name} cannot be opened: {error.strerror}") from error
        found = os.fstat(out)
        if not stat.S_ISFIFO(found.st_mode) or (found.st_dev, found.st_ino) != self._made:
            os.close(out)
            raise TakenAway(f"{name} was replaced")
        with contextlib.suppress(OSError, AttributeError):  # not everywhere, not for everybody
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        return out


class Home:
    """The folder of a feeder, as it was opened: another one in its place is somebody else's."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def lock(self) -> bool:
        """Say whether nobody else has this folder, from now on."""
        handle = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=self._folder)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def exists(self, name: str) -> bool:
        """Say whether there is a file."""
        try:
            os.stat(name, dir_fd=self._folder)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> str:
        """Return the text of a file."""
        with open(os.open(name, os.O_RDONLY, dir_fd=self._folder)) as file:
            return file.read()

    def write(self, name: str, text: str) -> None:
        """Replace a file in one step."""
        draft = f".{name}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(draft, flags, 0o600, dir_fd=self._folder), "w") as file:
            file.write(text)
        os.rename(draft, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


class Feeder:
    """All channels of one host, a thread each."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._telling = threading.Lock()
        self._channels = [Channel(channel) for channel in json.loads(home.read(PLAN))]

    def run(self) -> None:
        """Feed until the plan is removed."""
        self._home.remove(PROBLEM)
        for channel in self._channels:
            act = self._told_of(channel)
            threading.Thread(target=act, name=channel.name, daemon=True).start()
        me = identity()
        self._home.write(RUN, json.dumps(me))
        while self._home.exists(PLAN):
            time.sleep(LOOK)

    def _told_of(self, channel: Channel) -> Callable[[], None]:
        def act() -> None:
            try:
                channel.feed()
            except TakenAway as error:
                log.warning("Channel %s gets no more: %s", channel.name, error)
            except BadObject as error:
                self._tell(f"ClientError: Data download failed: Channel {channel.name}: {error}")
            except Exception as error:
                log.exception("Channel %s cannot go on", channel.name)
                self._tell(f"InternalServerError: Channel {channel.name}: {error}")

        return act

    def _tell(self, problem: str) -> None:
        with self._telling:
            self._home.write(PROBLEM, problem)


def main() -> None:
    """Detach and feed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, required=True)
    plan: Path = parser.parse_args().plan
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.umask(0)
    home = Home(plan.parent)
    if not home.lock():
        return
    feeder = Feeder(home)
    if os.fork():
        os._exit(0)
    os.setsid()
    feeder.run()


if __name__ == "__main__":
    main()
