"""What a studio process serves, and the order in which it comes up and goes down."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import uvloop
from aiohttp import web

from .. import __version__
from .._failpoints import reached
from .._heap import settle
from .._identity import identity
from ..aws.mlstudio import stop_waiting
from ..compute.ports import can_bind, free_port
from ..compute.protocol import Access, Engine, EngineError
from ..core.database import DatabaseUnavailable
from ..core.settings import Settings, load_settings, write_atomically
from ..core.studio import Studio
from ..wire.connections import limit_connections
from ..wire.http import make_runner
from . import capabilities, kernels, listeners, shutdown
from .children import GATEWAY, S3, Child, ChildError, Program
from .client import run_file, stop_request
from .engine import open_engine

log = logging.getLogger(__name__)

_IDLE_CHECK = 1.0


class StartError(Exception):
    """The studio cannot serve; the message is for the user."""


def serve(settings: Settings, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, SIGINT or idle exit; ``ready`` is called when everything answers.

    Raises :class:`StartError`.
    """
    settings = _with_free_ports(settings)
    uvloop.run(_Process(settings).run(ready))


class _Process:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: Engine = open_engine(settings)
        self.engine_watch = shutdown.Counting(self.engine)
        self.activity = listeners.Activity()
        self.stopping = asyncio.Event()
        self.children: list[Child] = []
        self.runners: list[web.AppRunner] = []

    async def run(self, ready: Callable[[], None]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        capabilities.load()
        try:
            studio = await asyncio.to_thread(Studio, self.settings, self.engine)
        except DatabaseUnavailable as error:
            raise StartError(f"The studio cannot start. {error.message}.") from error
        except (EngineError, OSError) as error:
            raise StartError(f"The studio cannot start: {error}") from error
        try:
            await self._start(studio)
            ready()
            log.info("Serving %s at %s", self.settings.root, self.settings.url)
            await self._until_told(studio)
            log.info("Stopping")
        finally:
            await self._stop(studio)

    async def _start(self, studio: Studio) -> None:
        try:
            reached("studio.opened")
            access = await asyncio.to_thread(self.engine.access)
            await self._start_children(access)
            await self._listen(studio, access)
            reached("studio.serving")
            await asyncio.to_thread(studio.start)
            await asyncio.to_thread(kernels.write, self.settings)
            settle()
            reached("studio.reconciling")
            self._announce()
            reached("studio.announced")
        except DatabaseUnavailable as error:
            raise StartError(f"The studio cannot start. {error.message}.") from error
        except (EngineError, ChildError, OSError) as error:
            raise StartError(f"The studio cannot start: {error}") from error

    async def _start_children(self, access: Access) -> None:
        self.children = [Child(program) for program in programs(self.settings, access)]
        with ThreadPoolExecutor(len(self.children)) as pool:
            loop = asyncio.get_running_loop()
            await asyncio.gather(
                asyncio.to_thread(self._prepare_engine),
                *(loop.run_in_executor(pool, child.start) for child in self.children),
            )

    def _prepare_engine(self) -> None:
        try:
            self.engine.prepare()
        except (EngineError, OSError) as error:
            log.warning("The first container will have to wait longer: %s", error)

    async def _listen(self, studio: Studio, access: Access) -> None:
        settings = self.settings
        local = listeners.local(studio, self.activity, self.health)
        await self._serve(local, settings.host, settings.port)
        inside = listeners.for_containers(studio, self.activity)
        await self._serve(inside, access.listen, settings.container_port)
        if access.listen == settings.host or not access.serves_credentials:
            return
        try:
            await self._serve(listeners.credentials_only(studio), access.listen, 80)
            studio.credential_port = 80
        except OSError as error:
            log.info("Credentials are served on the container port only: %s", error)

    async def _serve(self, app: web.Application, host: str, port: int) -> None:
        runner = make_runner(app)
        await runner.setup()
        limit_connections(runner.server)
        self.runners.append(runner)
        await web.TCPSite(runner, host, port).start()

    def _announce(self) -> None:
        settings = self.settings
        document = {
            **identity(),
            "studio_id": settings.studio_id,
            "compute": self.engine.name,
            "url": settings.url,
            "s3_url": settings.s3_url,
            "gateway_url": settings.gateway_url,
        }
        write_atomically(run_file(settings), json.dumps(document, indent=2))

    def health(self, studio: Studio) -> dict[str, object]:
        """Return what anybody on this machine may know."""
        containers, engine_problem = self.engine_watch.count()
        unsettled, problem = _unsettled(studio)
        return {
            "studio_id": self.settings.studio_id,
            "version": __version__,
            "pid": os.getpid(),
            "compute": self.engine.name,
            # Anybody may ask: where the root lies is nobody else's business.
            "database": studio.database.name.replace(f"{self.settings.root}{os.sep}", ""),
            "database_problem": problem or studio.copier.problem,
            "engine_problem": engine_problem,
            "busy": unsettled or containers > 0,
            "containers": containers,
            "credential_port": studio.credential_port or self.settings.container_port,
            "processes": {child.program.name: child.pid for child in self.children},
        }

    async def _until_told(self, studio: Studio) -> None:
        limit = self.settings.idle_exit
        while not self.stopping.is_set():
            try:
                await asyncio.wait_for(self.stopping.wait(), _IDLE_CHECK if limit else None)
            except TimeoutError:
                if self.activity.idle_for() < limit:
                    continue
                if await asyncio.to_thread(self._working, studio):
                    self.activity.touch()
                    continue
                log.info("Idle for %d s", limit)
                return

    def _working(self, studio: Studio) -> bool:
        """Say whether something runs, or somebody uses S3 or the gateway."""
        return (
            _unsettled(studio)[0]
            or shutdown.count(self.engine) > 0
            or any(child.connections() for child in self.children)
        )

    async def _stop(self, studio: Studio) -> None:
        """End everything: what fails keeps nothing that comes after it from its end."""
        async with AsyncExitStack() as later:
            for child in self.children:
                later.push_async_callback(asyncio.to_thread, child.stop)
            later.push_async_callback(self._close, studio)
            run_file(self.settings).unlink(missing_ok=True)
            reached("studio.closing")
            stop_waiting(studio)
            for runner in self.runners:
                await runner.cleanup()
            everything = stop_request(self.settings).exists()
            stop_request(self.settings).unlink(missing_ok=True)
            if everything:
                try:
                    await asyncio.to_thread(shutdown.stop_work, studio)
                except EngineError as error:
                    log.error("Containers cannot be stopped: %s", error.reason)
        log.info("Stopped")

    async def _close(self, studio: Studio) -> None:
        await asyncio.to_thread(studio.close)
        reached("studio.closed")


def _unsettled(studio: Studio) -> tuple[bool, str]:
    """Say whether there is work, which there may be while the database cannot be asked; and why."""
    try:
        return bool(studio.store.unsettled()), ""
    except DatabaseUnavailable as error:
        return True, error.reason


def programs(settings: Settings, access: Access) -> list[Program]:
    """Return the processes that serve beside the studio."""
    inside = access.listen != settings.host
    s3_also = ("--also", f"{access.listen}:{settings.s3_port}") if inside else ()
    gateway_also = ("--also", f"{access.listen}:{settings.gateway_port}") if inside else ()
    data = settings.fetched / "relay" if settings.s3_endpoint else settings.objects
    s3 = Program(
        S3,
        (
            "--data", str(data),
            "--key", str(settings.master_key),
            "--account", settings.account,
            "--host", settings.host,
            "--port", str(settings.s3_port),
            "--bucket", settings.default_bucket,
            "--region", settings.region,
            *_upstream(settings),
            *s3_also,
        ),
        settings.run,
    )  # fmt: skip
    gateway = Program(GATEWAY, ("--root", str(settings.root), *gateway_also), settings.run)
    return [s3, gateway]


def _upstream(settings: Settings) -> tuple[str, ...]:
    """Return the arguments that name another S3."""
    if not settings.s3_endpoint:
        return ()
    region = ("--upstream-region", settings.s3_region)
    profile = ("--upstream-profile", settings.s3_profile) if settings.s3_profile else ()
    return ("--upstream", settings.s3_endpoint, *region, *profile)


def _with_free_ports(settings: Settings) -> Settings:
    """Return settings whose ports are free or ours, moving those another program has taken.

    Clients follow, as they read the addresses from the configuration file in the root.
    """
    ports = {"port": None, "s3_port": S3, "gateway_port": GATEWAY, "container_port": None}
    taken: dict[str, int] = {}
    for name, owner in ports.items():
        port = getattr(settings, name)
        if can_bind(settings.host, port):
            continue
        program = Program(owner, (), settings.run) if owner else None
        if program and (program.process() or program.unannounced()):
            continue
        log.warning("Port %d is in use by another program; taking another", port)
        taken[name] = free_port(settings.host)
    return load_settings(settings.root, **taken) if taken else settings
