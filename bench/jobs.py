"""Tiny jobs through the queue, against as many ``docker run`` with as many at once.

A job runs ``true`` and leaves nothing. All jobs are asked for at once, and wait for room; the
machine decides how many containers of an ``ml.m5.large`` (2 vCPU) there can be at a time, and as
many shells run ``docker run --rm`` one after the other. Half of those before the jobs, half after.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import docker
from support.studio import IMAGE, Bench, studio

CLIENTS = 4
VCPUS = 2


def main() -> None:
    """Print jobs per second of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=200)
    count = parser.parse_args().jobs
    at_once = max(1, docker.from_env().info()["NCPU"] // VCPUS)
    with studio() as bench:
        submit(bench, "warm-up", 1)
        await_end(bench)
        bare = docker_runs(count // 2, at_once)
        started = time.perf_counter()
        submit(bench, "tiny", count)
        accepted = time.perf_counter() - started
        await_end(bench)
        ours = time.perf_counter() - started
        bare += docker_runs(count - count // 2, at_once)
    print(f"{count} jobs, {at_once} at a time; {count / accepted:.0f} accepted a second")
    print(f"docker run   {count / bare:6.2f} /s   {bare:6.1f} s")
    print(f"through the queue {count / ours:6.2f} /s   {ours:6.1f} s   ratio {ours / bare:.2f}")


def submit(bench: Bench, prefix: str, count: int) -> None:
    """Ask for jobs, from several clients at once."""
    sagemaker = bench.client("sagemaker")

    def create(number: int) -> None:
        request = bench.request(f"{prefix}-{number}", ["true"])
        sagemaker.create_training_job(**request)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(create, range(count)))


def await_end(bench: Bench) -> None:
    """Wait until no job is in progress."""
    sagemaker = bench.client("sagemaker")
    wanted = {"StatusEquals": "InProgress", "MaxResults": 1}
    while sagemaker.list_training_jobs(**wanted)["TrainingJobSummaries"]:
        time.sleep(0.2)
    failed = sagemaker.list_training_jobs(StatusEquals="Failed")["TrainingJobSummaries"]
    if failed:
        raise SystemExit(f"{len(failed)} jobs failed")


def docker_runs(count: int, at_once: int) -> float:
    """Return the seconds that so many containers take."""

    def run(_: int) -> None:
        command = ["docker", "run", "--rm", "--entrypoint", "true", IMAGE]
        subprocess.run(command, check=True)

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(count)))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
