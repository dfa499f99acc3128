"""What the gateway adds to a call: signature check, routing and one more hop.

Calls a model server directly and through the gateway, in turns within one run: as fast as several
callers can, and at a fixed rate, where a call counts from when it was due. Prints p50, p99 (ms) and
requests per second of both with their ratios, and the CPU time of the gateway per request (ms),
which depends least on what else the machine does.

    python bench/gateway.py [--seconds 3] [--rounds 3] [--body 1024] [--rate 500]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import psutil
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.endpoints.routes import EndpointRoute, Replica, Variant, write_routes
from jupyter_mlstudio.wire.keys import KeyRing

REGION = "us-east-1"
SERVER = """
import asyncio, sys, uvloop
from aiohttp import web
async def answer(request):
    await request.read()
    return web.Response(body=b'{"predictions": [{"score": 0.5}]}', content_type="application/json")
async def main():
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.sleep(86400)
uvloop.run(main())
"""


@dataclass
class Target:
    """One way to reach the model, and every latency seen on it (seconds)."""

    name: str
    url: str
    headers: dict[str, str]
    latencies: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


async def load(target: Target, body: bytes, callers: int, seconds: float) -> None:
    """Call as fast as ``callers`` callers can, and note what happens."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        end = time.perf_counter() + seconds

        async def call() -> int:
            count = 0
            while (start := time.perf_counter()) < end:
                async with session.post(target.url, data=body, headers=target.headers) as answer:
                    await answer.read()
                    assert answer.status == 200, await answer.text()
                target.latencies.append(time.perf_counter() - start)
                count += 1
            return count

        counts = await asyncio.gather(*(call() for _ in range(callers)))
    target.rates.append(sum(counts) / seconds)


async def pace(target: Target, body: bytes, rate: int, seconds: float) -> None:
    """Call at a fixed rate, whether or not earlier calls have been answered."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begin = time.perf_counter() + 0.1

        async def call(due: float) -> None:
            await asyncio.sleep(due - time.perf_counter())
            async with session.post(target.url, data=body, headers=target.headers) as answer:
                await answer.read()
                assert answer.status == 200, await answer.text()
            target.latencies.append(time.perf_counter() - due)

        count = int(rate * seconds)
        await asyncio.gather(*(call(begin + number / rate) for number in range(count)))
        target.rates.append(count / (time.perf_counter() - begin))


def signed_headers(settings: Settings, url: str, body: bytes) -> dict[str, str]:
    """Sign one invocation; it is good for the 15 minutes a run never takes."""
    key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "text/csv"})
    SigV4Auth(Credentials(key.access_key, key.secret_key), "sagemaker", REGION).add_auth(request)
    return dict(request.headers)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return 1e3 * statistics.quantiles(values, n=1000)[round(share * 1000) - 1]


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time a process has had."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(
    settings: Settings, port: int, process: psutil.Process, options: argparse.Namespace
) -> None:
    """Run all rounds and print the table."""
    body = b"x" * options.body
    route = Variant("AllTraffic", (Replica("r1", "127.0.0.1", port),))
    endpoint = EndpointRoute(settings.account, REGION, "ep", "InService", "/bench", (route,))
    write_routes(settings.routes, [endpoint])
    await asyncio.sleep(0.5)
    url = f"{settings.gateway_url}/endpoints/ep/invocations"
    drivers = {
        f"{callers} caller(s)": partial(load, body=body, callers=callers, seconds=options.seconds)
        for callers in (1, 4, 16)
    }
    drivers[f"{options.rate}/s"] = partial(
        pace, body=body, rate=options.rate, seconds=options.seconds
    )
    print(f"{'load':>12} {'target':>8} {'p50 ms':>8} {'p99 ms':>8} {'req/s':>8}")
    for name, drive in drivers.items():
        direct = Target("direct", f"http://127.0.0.1:{port}/invocations", {})
        gateway = Target("gateway", url, signed_headers(settings, url, body))
        before = cpu_seconds(process)
        for _ in range(options.rounds):
            for target in (direct, gateway):
                await drive(target)
        spent = (cpu_seconds(process) - before) / len(gateway.latencies)
        rows = [_row(target) for target in (direct, gateway)]
        ratios = [ours / bare for bare, ours in zip(*rows, strict=True)]
        for label, row in zip(("direct", "gateway", "ratio"), (*rows, ratios), strict=True):
            print(f"{name:>12} {label:>8} " + " ".join(f"{x:>8.2f}" for x in row))
        print(f"{name:>12} {'CPU ms':>8} {1e3 * spent:>8.2f}")


def _row(target: Target) -> tuple[float, float, float]:
    p50, p99 = percentile(target.latencies, 0.5), percentile(target.latencies, 0.99)
    return p50, p99, statistics.median(target.rates)


def main() -> None:
    """Start a model server and a gateway, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--body", type=int, default=1024)
    parser.add_argument("--rate", type=int, default=500, help="calls a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder))
        ready = Path(folder) / "ready.json"
        server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
        command = [sys.executable, "-m", "jupyter_mlstudio.endpoints.gateway"]
        gateway = subprocess.Popen([*command, "--root", folder, "--ready", str(ready)])
        try:
            assert server.stdout is not None
            port = json.loads(server.stdout.readline())
            while not ready.exists():
                time.sleep(0.05)
            uvloop.run(measure(settings, port, psutil.Process(gateway.pid), options))
        finally:
            for process in (gateway, server):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
