"""The object store against SeaweedFS and plain files, side by side in one run.

``python bench/s3.py [--small N] [--large MIB]`` starts a front and a SeaweedFS on folders of their
own, and prints for objects of 1 KiB and of 256 MiB how long a PUT and a GET take with each, and
how long writing (temporary name, fsync, rename) and reading a file in the same folder; ratios are
ours to theirs. Requests are presigned and go over one kept-alive connection a client, so that no
SDK is measured. For small objects it also prints the CPU time of each server per request (ms),
which depends least on what else the machine does. SeaweedFS does not sync before it answers.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
from botocore.config import Config
from support.figures import p50, percentile

sys.path.insert(0, str(Path(__file__).parents[1]))

from jupyter_mlstudio.wire.keys import KeyRing
from tests.elsewhere import seaweed

ACCOUNT, BUCKET, CLIENTS, STEP = "000000000000", "bench", 8, 1 << 20
SHARES = 5


@dataclass(frozen=True)
class Server:
    """A running S3: its process, and clients with a connection each."""

    process: psutil.Process
    clients: list[Client]


@contextmanager
def front(root: Path) -> Iterator[Server]:
    """Run ours."""
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
        key = KeyRing.load(root / "key").user_key(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bench")
        clients = [Client(url, key.access_key, key.secret_key) for _ in range(CLIENTS)]
        yield Server(psutil.Process(process.pid), clients)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def other(root: Path) -> Iterator[Server]:
    """Run SeaweedFS."""
    root.mkdir()
    with seaweed(root) as store:
        store.client().create_bucket(Bucket=BUCKET)
        (process,) = [
            each for each in psutil.Process().children() if str(root) in " ".join(each.cmdline())
        ]
        keys = (store.access_key, store.secret_key)
        yield Server(process, [Client(store.url, *keys) for _ in range(CLIENTS)])


class Client:
    """Sends presigned requests over one connection."""

    def __init__(self, url: str, access_key: str, secret_key: str) -> None:
        self._s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
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


def touch(folder: Path, name: str, body: bytes | None) -> None:
    """Write a file, or read it when there is nothing to write."""
    if body is None:
        read_file(folder, name)
    else:
        write_file(folder, name, body)


def read_file(folder: Path, name: str) -> None:
    """Read a file to its end."""
    with (folder / name).open("rb", buffering=0) as file:
        while file.read(STEP):
            pass


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
        with front(root) as ours, other(root / "seaweed") as theirs:
            for clients in (1, CLIENTS):
                small(ours, theirs, plain, clients, options.small)
            large(ours, theirs, plain, options.large)


def small(ours: Server, theirs: Server, plain: Path, clients: int, count: int) -> None:
    """Put and get objects of 1 KiB, a share of them with each in turn."""
    data = os.urandom(1024)
    share = count // SHARES
    for operation, body in (("put_object", data), ("get_object", None)):
        kinds = {"ours": Timed(), "SeaweedFS": Timed(), "plain": Timed()}
        for part in range(SHARES):
            for kind, server in (("ours", ours), ("SeaweedFS", theirs)):
                with cpu_time(server.process, kinds[kind]):
                    together(server.clients[:clients], operation, share, part, body, kinds[kind])
            numbers = range(share * part, share * (part + 1))
            act = partial(touch, plain, body=body)
            several(act, [f"small-{number}" for number in numbers], clients, kinds["plain"])
        report(f"{operation[:3].upper()} 1 KiB, {clients} at once", kinds, 1024)


def large(ours: Server, theirs: Server, plain: Path, mib: int) -> None:
    """Put and get one large object with each in turn."""
    data = os.urandom(mib << 20)
    for operation, body in (("put_object", data), ("get_object", None)):
        kinds = {"ours": Timed(), "SeaweedFS": Timed(), "plain": Timed()}
        acts: dict[str, Callable[[str], None]] = {
            "ours": partial(ours.clients[0].send, operation, body=body),
            "SeaweedFS": partial(theirs.clients[0].send, operation, body=body),
            "plain": partial(touch, plain, body=body),
        }
        for _ in range(3):
            for kind, act in acts.items():
                several(act, ["large"], 1, kinds[kind])
        report(f"{operation[:3].upper()} {mib} MiB", kinds, mib << 20)


class Timed:
    """Seconds of each request, of all of them, and of the server's CPU."""

    def __init__(self) -> None:
        self.each: list[float] = []
        self.wall = 0.0
        self.cpu = 0.0


@contextmanager
def cpu_time(process: psutil.Process, found: Timed) -> Iterator[None]:
    """Add the CPU time a process spends in the block."""
    before = process.cpu_times()
    yield
    after = process.cpu_times()
    found.cpu += after.user + after.system - before.user - before.system


def several(act: Callable[[str], object], names: Iterable[str], threads: int, found: Timed) -> None:
    """Act on each name, in several threads."""

    def once(name: str) -> float:
        started = time.perf_counter()
        act(name)
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        found.each += pool.map(once, names)
    found.wall += time.perf_counter() - started


def together(
    clients: list[Client], operation: str, share: int, part: int, data: bytes | None, found: Timed
) -> None:
    """Let each client do as many requests at the same time."""
    count = share // len(clients)
    names = [f"small-{number}" for number in range(count * part, count * (part + 1))]

    def work(client: Client) -> list[float]:
        mine = Timed()
        several(partial(client.send, operation, body=data), names, 1, mine)
        return mine.each

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        for seconds in pool.map(work, clients):
            found.each += seconds
    found.wall += time.perf_counter() - started


def report(name: str, kinds: dict[str, Timed], size: int) -> None:
    """Print a line for each kind: rate, p50, p99 and CPU time, and how ours compares."""
    ours = kinds["ours"]
    for kind, found in kinds.items():
        rate = len(found.each) / found.wall
        speed = f"{rate:7.0f} /s" if size < STEP else f"{rate * size / STEP:6.0f} MiB/s"
        cpu = f"CPU {1e3 * found.cpu / len(found.each):.2f} ms" if found.cpu else ""
        mine = len(ours.each) / ours.wall
        p99 = percentile(found.each, 0.99)
        print(
            f"{name:20} {kind:10} {speed:>12} p50 {p50(found.each) * 1e3:8.2f}"
            f" p99 {p99 * 1e3:8.2f} ms   ours takes {rate / mine:6.2f} times as long   {cpu}"
        )


if __name__ == "__main__":
    main()
