"""Invocation metrics per variant, spooled to disk for the studio to collect."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from calendar import timegm
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import floor, log10
from pathlib import Path

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.endpoints.routes import Key

log = logging.getLogger(__name__)

FLUSH_SECONDS = 10.0
SPOOL_BYTES = 64 << 20
"""What the spool may hold while no studio drains it."""

_MINUTE = "%Y%m%dT%H%M"


def spool_folder(routes: Path) -> Path:
    """Return where the gateway that reads ``routes`` spools its metrics."""
    return routes.with_name("metrics")


def minute_of(path: Path) -> float:
    """Return the minute of a spool file, as seconds since the epoch at its start.

    Raises ``ValueError`` if it is not named like one.
    """
    return float(timegm(time.strptime(path.name.partition("-")[0], _MINUTE)))


@dataclass(slots=True)
class VariantMetrics:
    """Counts since the last flush.

    Latencies are microseconds as CloudWatch has them, counted by value to two significant
    digits, so that percentiles survive adding up.
    """

    invocations: int = 0
    client_errors: int = 0
    server_errors: int = 0
    model_errors: int = 0
    model_latency: Counter[int] = field(default_factory=Counter)
    overhead_latency: Counter[int] = field(default_factory=Counter)


class Metrics:
    """Collects invocations and appends them to one file a minute under ``folder``.

    A file is complete once its minute (its name, UTC) has passed; the studio reads those and
    deletes them. Each line is one variant: account, region, endpoint, variant, time (seconds
    since the epoch), the counts, and the latencies as ``[value, count]`` pairs.

    Parameters
    ----------
    limit:
        Bytes the folder may hold; beyond, the oldest files are dropped.
    """

    def __init__(self, folder: Path, limit: int = SPOOL_BYTES) -> None:
        self._folder = folder
        self._limit = limit
        self._variants: dict[tuple[Key, str], VariantMetrics] = {}

    def record(
        self, key: Key, variant: str, status: int, model: float | None, total: float
    ) -> None:
        """Count one answered request; ``model`` and ``total`` are seconds.

        ``model`` is None when no container was reached.
        """
        entry = self._variants.setdefault((key, variant), VariantMetrics())
        entry.invocations += 1
        if 400 <= status < 500:
            entry.client_errors += 1
        elif status >= 500:
            entry.server_errors += 1
        if model is not None:
            entry.model_errors += status >= 400
            entry.model_latency[_rounded(model)] += 1
            entry.overhead_latency[_rounded(total - model)] += 1

    def flush(self) -> None:
        """Append what was counted since the last flush."""
        self._append(self._take())

    async def spool(self) -> None:
        """Flush for ever, every 10 s; what a full disk refuses is lost, and said."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await asyncio.to_thread(self._append, self._take())
            except OSError as error:
                log.error("metrics of the last %s s are lost: %s", FLUSH_SECONDS, error)

    def _take(self) -> dict[tuple[Key, str], VariantMetrics]:
        taken, self._variants = self._variants, {}
        return taken

    def _append(self, taken: dict[tuple[Key, str], VariantMetrics]) -> None:
        if not taken:
            return
        now = time.time()
        lines = [_line(key, variant, entry, now) for (key, variant), entry in taken.items()]
        minute = time.strftime(_MINUTE, time.gmtime(now))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{minute}-{os.getpid()}.jsonl"
        begins = not path.exists()
        with path.open("a") as file:
            file.write("".join(lines))
        reached("gateway.spooled")
        if begins:
            _bound(self._folder.glob("*.jsonl"), self._limit)


def _bound(files: Iterable[Path], limit: int) -> None:
    """Delete the oldest of the files that are together larger than ``limit`` bytes."""
    sizes = {path: _size(path) for path in sorted(files)}
    excess = sum(sizes.values()) - limit
    dropped = 0
    for path, size in list(sizes.items())[:-1]:
        if excess <= 0:
            break
        path.unlink(missing_ok=True)
        excess -= size
        dropped += 1
    if dropped:
        log.warning("Dropped the metrics of %d minutes: no studio has taken them", dropped)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # the studio took it
        return 0


def _line(key: Key, variant: str, entry: VariantMetrics, now: float) -> str:
    account, region, endpoint = key
    document = {
        "account": account,
        "region": region,
        "endpoint": endpoint,
        "variant": variant,
        "time": now,
        "Invocations": entry.invocations,
        "Invocation4XXErrors": entry.client_errors,
        "Invocation5XXErrors": entry.server_errors,
        "InvocationModelErrors": entry.model_errors,
        "ModelLatency": sorted(entry.model_latency.items()),
        "OverheadLatency": sorted(entry.overhead_latency.items()),
    }
    return json.dumps(document) + "\n"


def _rounded(seconds: float) -> int:
    """Return microseconds, to two significant digits."""
    value = max(1, int(seconds * 1e6))
    step = 10 ** max(0, floor(log10(value)) - 1)
    return int(value // step * step)
