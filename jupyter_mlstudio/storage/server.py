"""The process that serves S3: listeners, ready file, beginning and end."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from jupyter_mlstudio._drafts import draft_of
from jupyter_mlstudio._heap import settle
from jupyter_mlstudio._identity import identity
from jupyter_mlstudio.wire.connections import allow_many_files, limit_connections
from jupyter_mlstudio.wire.http import IDLE_SECONDS
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.routing import rest_paths

from . import multipart
from .exchange import Listener
from .expiry import Expirer
from .front import Front
from .objects import ObjectStore
from .upstream import Upstream

log = logging.getLogger(__name__)

_ABANDONED = 7 * 24 * 3600
_GRACE = 60.0
_RETRY = 1.0
_READ_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """What one S3 process serves, and where.

    Attributes
    ----------
    data:
        Folder of the object store.
    key:
        The studio's master key.
    also:
        More addresses to listen at, tried again each second until they exist.
    ready:
        File that says, while the process serves, who it is.
    bucket:
        Made at start if it is not there.
    upstream:
        Another S3 to pass requests on to; ``data`` is only for bodies on their way then.
    """

    data: Path
    key: Path
    account: str
    region: str
    host: str
    port: int
    also: Sequence[tuple[str, int]] = ()
    ready: Path | None = None
    bucket: str | None = None
    upstream: Upstream | None = None


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then finish the requests under way.

    Raises
    ------
    StoreInUse
        If another process serves this store.
    ValueError
        If there are no keys for another S3.
    OSError
        If the first address cannot be listened at.
    """
    async with AsyncExitStack() as stack:
        front = await _open(options, stack, stop)
        runner = _runner(front)
        await runner.setup()
        limit_connections(runner.server)
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, options.host, options.port)
        await site.start()
        port = int(runner.addresses[0][1])
        log.info("Serving S3 at http://%s:%d", options.host, port)
        waiting = [asyncio.create_task(_listen(runner, *address)) for address in options.also]
        settle()
        if options.ready is not None:
            _announce(options.ready, port)
            stack.callback(options.ready.unlink, missing_ok=True)
        await stop.wait()
        log.info("Ending after the requests under way")
        for task in waiting:
            task.cancel()
        # aiohttp's own shutdown would drop the rest of bodies that are on their way in.
        for listening in list(runner.sites):
            await listening.stop()
        await front.drain(_GRACE)


async def _open(options: Options, stack: AsyncExitStack, stop: asyncio.Event) -> Listener:
    """Return what answers, its end in ``stack``. A store that broke ends the process: whoever
    watches that starts another, which finds its feet.
    """
    keys = KeyRing.load(options.key)
    rest_paths("s3")  # or the first request would wait for the model to load
    if options.upstream is not None:
        from .relay import Relay  # what it needs of botocore is large

        relay = Relay(options.upstream, keys, options.account, options.region, options.data)
        stack.callback(relay.close)
        await relay.open()
        stack.push_async_callback(relay.end)
        if options.bucket is not None:
            making = asyncio.create_task(relay.ensure_bucket(options.bucket))
            stack.callback(making.cancel)
        log.info("Passing requests on to %s", options.upstream.endpoint)
        return relay
    loop = asyncio.get_running_loop()

    def broken() -> None:
        loop.call_soon_threadsafe(stop.set)

    store = ObjectStore(options.data, broken)
    stack.callback(store.close)
    expirer = Expirer(store)
    front = Front(store, keys, options.account, options.region, lambda _: expirer.wake())
    stack.callback(front.close)
    _prepare(store, options)
    expirer.start()
    stack.callback(expirer.close)
    return front


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await serve(options, stop)

    allow_many_files()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _prepare(store: ObjectStore, options: Options) -> None:
    dropped = multipart.drop_abandoned(store, _ABANDONED)
    if dropped:
        log.info("Forgot %d multipart uploads that nobody went on with for a week", dropped)
    wanted = options.bucket
    if wanted is not None and all(bucket.name != wanted for bucket in store.buckets()):
        store.create_bucket(wanted, options.region)


def _runner(front: Listener) -> web.ServerRunner:
    # No router: keys may hold anything, line breaks too. Signatures and checksums are over bodies
    # as sent, so aiohttp must not decompress them; and its own access log would show the
    # signatures of presigned URLs.
    server = web.Server(
        front.handle,
        auto_decompress=False,
        access_log=None,
        read_bufsize=_READ_BUFFER,
        keepalive_timeout=IDLE_SECONDS,
    )
    return web.ServerRunner(server, handle_signals=False, shutdown_timeout=_RETRY)


async def _listen(runner: web.ServerRunner, host: str, port: int) -> None:
    """Listen at an address as soon as there is such an address."""
    reported = False
    while True:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            if not reported:
                log.info("Not yet at http://%s:%d: %s", host, port, error.strerror)
                reported = True
            await asyncio.sleep(_RETRY)
        else:
            log.info("Serving S3 at http://%s:%d as well", host, port)
            return


def _announce(ready: Path, port: int) -> None:
    document = {
        **identity(),
        "port": port,
    }
    ready.parent.mkdir(parents=True, exist_ok=True)
    temporary = draft_of(ready)
    try:
        temporary.write_text(json.dumps(document))
        temporary.replace(ready)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
