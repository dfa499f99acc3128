"""Pipe mode: bytes per second through the process that feeds a FIFO, against ``cat``.

Both write the same files to a FIFO that ``dd`` reads a megabyte at a time; in turns, best of
several rounds. What is decompressed is compared with ``gzip -dc``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_mlstudio.core import runfile
from jupyter_mlstudio.jobs.inputs import feeder

MIB = 1 << 20


def main() -> None:
    """Print MiB/s of both and the ratio, for large and small objects, records and gzip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="MiB in all")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = options.size * MIB
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = write(folder / "large", [os.urandom(MIB) * (size // 4 // MIB)] * 4)
        small = write(folder / "small", [os.urandom(20_000)] * (size // 8 // 20_000))
        text = b"".join(
            b"%d,%d,%d\n" % (n, n * 7919 % 1000, n * 104729 % 77) for n in range(40_000)
        )
        packed = write(folder / "packed", [gzip.compress(text * (size // 8 // len(text)), 6)] * 2)
        print("| data | peer MiB/s | feeder MiB/s | feeder / peer |\n|---|---|---|---|")
        for what, files, extra, peer in (
            ("4 large objects", large, {}, ["cat"]),
            (f"{len(small)} objects of 20 kB", small, {}, ["cat"]),
            (f"{len(small)} records of 20 kB", small, {"record_io": True}, ["cat"]),
            ("2 gzipped objects", packed, {"gzip": True}, ["gzip", "-dc"]),
        ):
            compare(what, folder, files, extra, peer, options.rounds)


def write(folder: Path, bodies: Sequence[bytes]) -> list[Path]:
    """Write files named by number, as a feeder finds its objects."""
    folder.mkdir()
    for number, body in enumerate(bodies):
        (folder / str(number)).write_bytes(body)
    return [folder / str(number) for number in range(len(bodies))]


def compare(
    what: str, folder: Path, files: list[Path], extra: dict[str, Any], peer: list[str], rounds: int
) -> None:
    """Measure one kind of data."""
    run = Path(tempfile.mkdtemp(dir=folder))
    start_feeder(run, files, extra)
    fed, direct = [], []
    for epoch in range(rounds):
        while not (run / f"data_{epoch}").exists():
            time.sleep(0.01)
        fed.append(read(run / f"data_{epoch}"))
        fifo = run / "peer"
        os.mkfifo(fifo)
        writer = subprocess.Popen(
            ["sh", "-c", 'exec "$@" > "$0"', str(fifo), *peer, *map(str, files)]
        )
        direct.append(read(fifo))
        writer.wait()
        fifo.unlink()
    (run / feeder.PLAN).unlink()
    ours, theirs = max(fed), max(direct)
    print(f"| {what} | {theirs:.0f} | {ours:.0f} | {ours / theirs:.2f} |")


def start_feeder(run: Path, files: list[Path], extra: dict[str, Any]) -> None:
    """Start what the studio starts for a job."""
    (run / "entries").write_text("".join(f"[{number}]\n" for number in range(len(files))))
    (run / "names").write_text(json.dumps([str(file) for file in files]))
    channel = {
        "folder": str(run),
        "name": "data",
        "objects": str(files[0].parent),
        "entries": str(run / "entries"),
        "names": str(run / "names"),
        "gzip": False,
        "record_io": False,
        "seed": None,
        "share": [1, 1],
    }
    (run / feeder.PLAN).write_text(json.dumps([{**channel, **extra}]))
    command = [sys.executable, "-m", feeder.__name__, "--plan", str(run / feeder.PLAN)]
    subprocess.run(command, check=True)
    while runfile.read(run / feeder.RUN) is None:
        time.sleep(0.01)


def read(fifo: Path) -> float:
    """Read a FIFO to its end; return MiB per second."""
    started = time.perf_counter()
    done = subprocess.run(
        ["dd", f"if={fifo}", "of=/dev/null", "bs=1M"], check=True, capture_output=True, text=True
    )
    size = int(done.stderr.splitlines()[-1].split()[0])
    return size / MIB / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
