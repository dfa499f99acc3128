"""Runs many flows of a SageMaker SDK in one process of the SDK's own Python.

Importing an SDK takes long, and so does its waiting: it looks at an endpoint every 30 seconds.
So the flows of a file share one process and run side by side.

Usage: ``python flow.py PLACE.json RESULT.json MODULE...`` where the place is what :class:`Place`
holds; the result has, for every flow, null or the traceback it ended with.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

AT_ONCE = 32
"""Flows that run side by side: all, as they mostly wait. Those that wait longest come first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where flows run: the studio's bucket, and the URIs of two images.

    ``foreign`` is one that nobody prepared, ``remote`` one that has the SDK itself. ``chosen`` are
    the names of the flows to run.
    """

    bucket: str
    account: str
    region: str
    role: str
    foreign: str
    remote: str
    work: Path
    chosen: list[str]

    def folder(self, name: str, files: dict[str, str]) -> str:
        """Return a new folder of files."""
        folder = self.work / name
        folder.mkdir()
        for path, text in files.items():
            (folder / path).write_text(text)
        return str(folder)


FLOWS: dict[str, Callable[[Place], None]] = {}


def flow(function: Callable[[Place], None]) -> Callable[[Place], None]:
    """Let a function be run; it asserts what it expects."""
    FLOWS[function.__name__] = function
    return function


class Printed(threading.local):
    """What each thread has printed, as SDKs print the logs of jobs."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""

    def write(self, text: str) -> int:
        """Print, and remember."""
        self.text += text
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


PRINTED = Printed(sys.stdout)


def printed(call: Callable[[], Any]) -> str:
    """Return what a call of this thread prints."""
    before = len(PRINTED.text)
    call()
    return PRINTED.text[before:]


@contextmanager
def raises(kind: type[Exception], *texts: str) -> Iterator[None]:
    """Expect an exception that says all of ``texts``."""
    try:
        yield
    except kind as error:
        assert all(text in str(error) for text in texts), str(error)
    else:
        raise AssertionError(f"no {kind.__name__}")


def _run(place: Place, name: str) -> str | None:
    started = time.monotonic()
    try:
        FLOWS[name](place)
    except Exception:
        return traceback.format_exc()
    finally:
        print(f"\n[{name}: {time.monotonic() - started:.1f} s]", file=sys.stderr)
    return None


def main(place: str, result: str, *modules: str) -> None:
    """Run the flows of modules beside this file."""
    sys.modules["flow"] = sys.modules["__main__"]
    known = json.loads(Path(place).read_text())
    where = Place(**{**known, "work": Path(known["work"])})
    for module in modules:
        importlib.import_module(module)
    sys.stdout = PRINTED  # type: ignore[assignment] # a text stream as far as print() is concerned
    with ThreadPoolExecutor(AT_ONCE) as pool:
        chosen = [name for name in FLOWS if name in where.chosen]
        ended = pool.map(lambda name: (name, _run(where, name)), chosen)
        Path(result).write_text(json.dumps(dict(ended)))


if __name__ == "__main__":
    main(*sys.argv[1:])
