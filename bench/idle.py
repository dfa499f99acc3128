"""What a studio takes while nothing happens: CPU time, memory and wake-ups of each process.

Measured on Linux, from /proc: CPU time of user and system as a share of one core; resident memory
(RSS), and the same with shared pages divided among those who share them (PSS), in MB; voluntary
context switches of all threads a second. First just started, then after a job has run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import psutil
from support.studio import Bench, run, studio

from jupyter_mlstudio.studio import client

SETTLE = 3.0


@dataclass
class Sample:
    """What a process has had so far, and has."""

    cpu: float
    switches: int
    rss: float
    pss: float


def main() -> None:
    """Print a line per process, and their sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    with studio() as bench:
        report("just started", bench, seconds)
        run(bench, bench.request("one", ["true"]))
        report("after a job", bench, seconds)


def report(when: str, bench: Bench, seconds: float) -> None:
    """Print what each process took for some seconds."""
    time.sleep(SETTLE)
    found = processes(bench)
    before = {name: sample(process) for name, process in found.items()}
    time.sleep(seconds)
    print(f"{when:14} {'CPU %':>8} {'wake-ups/s':>11} {'RSS MB':>8} {'PSS MB':>8}")
    total = [0.0, 0.0, 0.0, 0.0]
    for name, process in found.items():
        first, last = before[name], sample(process)
        values = [
            100 * (last.cpu - first.cpu) / seconds,
            (last.switches - first.switches) / seconds,
            last.rss,
            last.pss,
        ]
        total = [one + other for one, other in zip(total, values, strict=True)]
        _print(name, values)
    _print("together", total)


def _print(name: str, values: list[float]) -> None:
    cpu, switches, rss, pss = values
    print(f"{name:14} {cpu:8.2f} {switches:11.1f} {rss:8.1f} {pss:8.1f}")


def processes(bench: Bench) -> dict[str, psutil.Process]:
    """Return all processes of a studio by name."""
    info = client.find(bench.settings)
    if info is None:
        raise SystemExit("the studio is gone")
    named = {"studio": info.pid, **info.health()["processes"]}
    return {name: psutil.Process(pid) for name, pid in named.items()}


def sample(process: psutil.Process) -> Sample:
    """Look at a process."""
    times, memory = process.cpu_times(), process.memory_full_info()
    switches = 0
    for thread in process.threads():
        with open(f"/proc/{process.pid}/task/{thread.id}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        switches += int(fields["voluntary_ctxt_switches"])
    return Sample(times.user + times.system, switches, memory.rss / 1e6, memory.pss / 1e6)


if __name__ == "__main__":
    main()
