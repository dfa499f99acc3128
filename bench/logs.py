"""Lines of a log, and lines with a metric in them, from a container into the studio.

A container prints as fast as it can. Ours is done when every line is in its log stream (and every
metric is stored) durably enough to go on after a crash; the peer is ``docker logs --follow`` of a
container that prints the same, into a file.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from support.figures import p50
from support.studio import IMAGE, Bench, run, step, studio

LINE = "[step %.0f] loss=0.123456 validation:accuracy=0.987654 learning-rate=0.001 it/s=123.4"
METRIC = {"Name": "loss", "Regex": r"loss=([0-9.]+)"}


def main() -> None:
    """Print lines per second of each, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--metrics", type=int, default=100_000, help="lines with a metric")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {"docker logs": [], "log lines": [], "metric lines": []}
    with studio() as bench, tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            rates["docker logs"].append(docker_logs(options.lines, Path(folder) / "log"))
            rates["log lines"].append(job(bench, f"lines-{number}", options.lines, []))
            seen = job(bench, f"metrics-{number}", options.metrics, [METRIC])
            rates["metric lines"].append(seen)
    bare = p50(rates["docker logs"])
    for name, found in rates.items():
        print(f"{name:13} {p50(found):9.0f} /s   ratio {p50(found) / bare:.2f}")


def printing(lines: int) -> list[str]:
    """Return a command that prints so many lines."""
    return ["seq", "-f", LINE, str(lines)]


def job(bench: Bench, name: str, lines: int, metrics: list[dict[str, str]]) -> float:
    """Return the lines per second of a job, from its start until all have been read."""
    algorithm = {"MetricDefinitions": metrics} if metrics else {}
    request = bench.request(name, printing(lines), AlgorithmSpecification=algorithm)
    done = run(bench, request)
    return lines / (step(done, "Uploading")[0] - done["TrainingStartTime"].timestamp())


def docker_logs(lines: int, path: Path) -> float:
    """Return the lines per second of a container whose log is followed into a file."""
    command, *arguments = printing(lines)
    options = ["--detach", "--entrypoint", command]
    made = subprocess.run(
        ["docker", "run", *options, IMAGE, *arguments], check=True, capture_output=True, text=True
    )
    container = made.stdout.strip()
    started = time.perf_counter()
    with path.open("wb") as file:
        subprocess.run(["docker", "logs", "--follow", container], check=True, stdout=file)
    seconds = time.perf_counter() - started
    subprocess.run(["docker", "rm", "-f", container], check=True, capture_output=True)
    return lines / seconds


if __name__ == "__main__":
    main()
