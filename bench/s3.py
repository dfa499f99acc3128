"""The object store against plain files, side by side in one run.

``python bench/s3.py [--small N] [--large MIB]`` starts a front on a folder of its own, and prints
for objects of 1 KiB and of 256 MiB how many times as long a PUT and a GET take as writing
(temporary name, fsync, rename) and reading a file in the same folder. Requests are presigned and
go over one kept-alive connection a client, so that no SDK is measured. For small objects it also
prints the CPU time of the front per request (ms), which depends least on what else the machine
does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
from botocore.config import Config

from jupyter_mlstudio.wire.keys import KeyRing

ACCOUNT, BUCKET, CLIENTS, STEP = "000000000000", "bench", 8, 1 << 20


@contextmanager
def front(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run a front and give its URL and its process."""
    ready = root / "ready.json"
    command = [sys.executable, "-m", "jupyter_mlstudio.storage", "--log-level", "WARNING"]
    command += ["--data", str(root / "objects"), "--key", str(root / "key"), "--account", ACCOUNT]
    command += ["--bucket", BUCKET, "--ready", str(ready)]
    process = subprocess.Popen(command)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError("the front did not start")
            time.sleep(0.02)
        url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


class Client:
    """Sends presigned requests over one connection."""

    def __init__(self, url: str, root: Path) -> None:
        keys = KeyRing.load(root / "key").user_key(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bench")
        self._s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            config=Config(signature_version="s3v4"),
        )
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._urls: dict[tuple[str, str], str] = {}

    def send(self, operation: str, key: str, body: bytes | None = None) -> None:
        """Put or get one object and read the answer to its end."""
        target = self._urls.get((operation, key)) or self._presign(operation, key)
        self._connection.request("GET" if body is None else "PUT", target, body)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{operation}: {answer.status} {answer.read()!r}")
        while answer.read(STEP):
            pass

    def _presign(self, operation: str, key: str) -> str:
        parts = urlsplit(self._s3.generate_presigned_url(operation, {"Bucket": BUCKET, "Key": key}))
        self._urls[operation, key] = target = f"{parts.path}?{parts.query}"
        return target


def write_file(folder: Path, name: str, data: bytes) -> None:
    """Write a file as durably as an object is."""
    temporary = folder / f".{name}"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / name)


def read_file(folder: Path, name: str) -> None:
    """Read a file to its end."""
    with (folder / name).open("rb", buffering=0) as file:
        while file.read(STEP):
            pass


def timed(function: Callable[[int], object], count: int, threads: int = 1) -> list[float]:
    """Return the seconds of each call; the last item is the wall time of all of them."""

    def once(number: int) -> float:
        started = time.perf_counter()
        function(number)
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        seconds = list(pool.map(once, range(count)))
    return [*seconds, time.perf_counter() - started]


def report(name: str, ours: list[float], plain: list[float], size: int) -> None:
    """Print one line."""

    def describe(seconds: list[float]) -> str:
        each, wall = sorted(seconds[:-1]), seconds[-1]
        p99 = each[min(len(each) - 1, int(len(each) * 0.99))]
        rate = (
            f"{len(each) / wall:8.0f}/s"
            if size < STEP
            else (f"{size * len(each) / wall / STEP:6.0f} MiB/s")
        )
        return f"{rate} p50 {statistics.median(each) * 1e3:8.2f} p99 {p99 * 1e3:8.2f} ms"

    print(f"{name:24} {ours[-1] / plain[-1]:7.2f}x   {describe(ours)}   plain {describe(plain)}")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1000, help="objects of 1 KiB")
    parser.add_argument("--large", type=int, default=256, help="MiB of the large object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root = Path(folder).resolve()
        plain = root / "plain"
        plain.mkdir()
        with front(root) as (url, process):
            clients = [Client(url, root) for _ in range(CLIENTS)]
            run(clients, process, plain, options.small, options.large)


def run(
    clients: list[Client], process: psutil.Process, plain: Path, small: int, large: int
) -> None:
    """Measure with one client and with several, small and large."""
    data = os.urandom(1024)
    clients[0].send("put_object", "warm", data)
    print(f"{'':24} ours takes … times as long as plain files")
    for threads in (1, CLIENTS):
        with cpu_time(process, f"PUT 1 KiB, {threads} clients", small):
            put = together(clients[:threads], "put_object", small, data)
        written = timed(lambda n: write_file(plain, f"small-{n}", data), small, threads)
        report(f"PUT 1 KiB, {threads} clients", put, written, 1024)
        with cpu_time(process, f"GET 1 KiB, {threads} clients", small):
            got = together(clients[:threads], "get_object", small, None)
        read = timed(lambda n: read_file(plain, f"small-{n}"), small, threads)
        report(f"GET 1 KiB, {threads} clients", got, read, 1024)
    data = os.urandom(large << 20)
    report(
        f"PUT {large} MiB",
        timed(lambda _: clients[0].send("put_object", "large", data), 3),
        timed(lambda _: write_file(plain, "large", data), 3),
        large << 20,
    )
    report(
        f"GET {large} MiB",
        timed(lambda _: clients[0].send("get_object", "large"), 3),
        timed(lambda _: read_file(plain, "large"), 3),
        large << 20,
    )


@contextmanager
def cpu_time(process: psutil.Process, name: str, count: int) -> Iterator[None]:
    """Print the CPU time a process spends in the block, per request."""
    before = process.cpu_times()
    yield
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    print(f"{name:24} {'CPU':>8}    {1e3 * spent / count:.2f} ms a request")


def together(clients: list[Client], operation: str, count: int, data: bytes | None) -> list[float]:
    """Let each client do its share at the same time."""
    share = count // len(clients)

    def work(client: Client) -> list[float]:
        return timed(lambda number: client.send(operation, f"small-{number}", data), share)[:-1]

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        seconds = [second for part in pool.map(work, clients) for second in part]
    return [*seconds, time.perf_counter() - started]


if __name__ == "__main__":
    main()
