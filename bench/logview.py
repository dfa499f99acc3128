"""A log of a gigabyte on four hosts, read as one: pages of it, and searches through it.

What the studio does for the log panel, in this process; the peers are the tools one would use on
such files, which know nothing of time, hosts or line numbers.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import regex

from jupyter_mlstudio.core.log_levels import hints, level_of
from jupyter_mlstudio.core.log_search import Wanted, search
from jupyter_mlstudio.core.log_view import LogView

HOSTS = 4
PAGE = 200
LINE = (
    b"%d [host %d step %d] INFO loss=0.123456 accuracy=0.987654 rate=0.001 it/s=123.4 eta=0:12:34\n"
)
ABSENT = "no such thing"
EXPRESSION = r"step 7\d+\] no"


def main() -> None:
    """Print what each takes, and the peer's time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"algo-{host + 1}" for host in range(HOSTS)]
        for host, path in enumerate(paths):
            write(path, host, options.megabytes * (1 << 20) // HOSTS)
        view = LogView(paths)
        report("last page", lambda: view.last(PAGE), ["tail", "-qn", str(PAGE), *paths])
        report("count lines", lambda: view.extend(600), ["wc", "-l", *paths])
        print(f"{'':14} {view.lines} lines")
        middle = view.lines // 2
        report("page in middle", lambda: list(itertools.islice(view.read(middle), PAGE)), [])
        quick = (ABSENT.encode(),)
        look(view, "text", Wanted(lambda t: ABSENT in t.casefold(), quick), ["-ciF", ABSENT], paths)
        serious = Wanted(lambda text: level_of(text) == "ERROR", hints("ERROR"))
        look(view, "first error", serious, ["-cE", "ERROR|Traceback"], paths)
        pattern = regex.compile(EXPRESSION)
        slow = Wanted(lambda text: pattern.search(text, timeout=0.05, concurrent=True) is not None)
        look(view, "expression", slow, ["-cP", EXPRESSION], paths)


def look(view: LogView, name: str, wanted: Wanted, peer: list[str], paths: list[Path]) -> None:
    """Report a search that finds nothing, through all of the log."""
    report(
        name,
        lambda: search(view, wanted, 0, 100, 600, backwards=False),
        ["grep", *peer, *paths],
    )


def report(name: str, run: Callable[[], object], peer: list[str | Path]) -> None:
    """Print the seconds of ours, and those of the peer if there is one."""
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    if not peer:
        print(f"{name:14} {seconds * 1e3:9.1f} ms")
        return
    started = time.perf_counter()
    subprocess.run(peer, check=False, capture_output=True)
    bare = time.perf_counter() - started
    print(
        f"{name:14} {seconds * 1e3:9.1f} ms   {peer[0]} {bare * 1e3:9.1f} ms"
        f"   ratio {seconds / bare:.2f}"
    )


def write(path: Path, host: int, size: int) -> None:
    """Fill a stream; its lines come in turns with those of the other hosts."""
    start = 1_700_000_000_000_000_000 + host * 1000
    with path.open("wb") as file:
        for step in itertools.count():
            file.write(LINE % (start + step * 1_000_000, host, step))
            if step % 1000 == 0 and file.tell() >= size:
                return


if __name__ == "__main__":
    main()
