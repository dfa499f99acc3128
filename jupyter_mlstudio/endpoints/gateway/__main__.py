"""``python -m jupyter_mlstudio.endpoints.gateway --root R [--also HOST:PORT] --ready FILE``."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop
from aiohttp import web

from jupyter_mlstudio._heap import settle
from jupyter_mlstudio._identity import identity
from jupyter_mlstudio._logfile import log_to
from jupyter_mlstudio.core.settings import Settings, load_settings, write_atomically
from jupyter_mlstudio.endpoints.gateway.app import Gateway
from jupyter_mlstudio.endpoints.gateway.client import Client
from jupyter_mlstudio.endpoints.gateway.metrics import Metrics, spool_folder
from jupyter_mlstudio.endpoints.gateway.table import RouteTable
from jupyter_mlstudio.wire.connections import allow_many_files, limit_connections
from jupyter_mlstudio.wire.http import IDLE_SECONDS
from jupyter_mlstudio.wire.keys import KeyRing

DRAIN_SECONDS = 60.0


def main(arguments: list[str] | None = None) -> None:
    """Run the gateway until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlstudio.endpoints.gateway")
    parser.add_argument("--root", type=Path, required=True, help="root of the studio")
    parser.add_argument("--also", action="append", default=[], metavar="HOST:PORT", type=_address)
    parser.add_argument("--ready", type=Path, help="written once the gateway answers")
    parser.add_argument("--log", type=Path, help="file to log to instead of stderr")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    log_to(options.log)
    settings = load_settings(options.root)
    allow_many_files()
    uvloop.run(serve(settings, options.also, options.ready, idle=options.idle))


async def serve(
    settings: Settings, also: list[tuple[str, int]], ready: Path | None, *, idle: float
) -> None:
    """Answer on the gateway's address and on ``also`` until SIGTERM or SIGINT, then drain."""
    table = RouteTable(settings.routes)
    metrics = Metrics(spool_folder(settings.routes))
    table.refresh()
    table.tell()
    client = Client()
    gateway = Gateway(table, KeyRing.load(settings.master_key), metrics, client)
    runner = web.ServerRunner(
        web.Server(
            gateway.handle,
            handler_cancellation=True,
            keepalive_timeout=idle,
            auto_decompress=False,
            access_log=None,
        ),
        shutdown_timeout=DRAIN_SECONDS,
    )
    await runner.setup()
    limit_connections(runner.server)
    for host, port in [(settings.host, settings.gateway_port), *also]:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    chores = [asyncio.create_task(table.watch()), asyncio.create_task(metrics.spool())]
    settle()
    if ready is not None:
        write_atomically(ready, json.dumps(_identity(settings)))
    await _terminated()
    table.fall_silent()
    for chore in chores:
        chore.cancel()
    await runner.cleanup()
    client.close()
    metrics.flush()


def _identity(settings: Settings) -> dict[str, object]:
    return {
        **identity(),
        "port": settings.gateway_port,
    }


async def _terminated() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main()
