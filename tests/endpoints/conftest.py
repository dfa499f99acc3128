"""A real gateway process, fake model containers, and a boto3 client between them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aiohttp import web
from botocore.config import Config

from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.endpoints.routes import EndpointRoute, Replica, Variant, write_routes
from jupyter_mlstudio.wire.keys import KeyRing
from tests.endpoints.world import World

if TYPE_CHECKING:
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

ACCOUNT = "000000000000"
REGION = "us-east-1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ModelServer:
    """A container's HTTP side in a thread; ``seen`` holds (headers, body) of each request."""

    def __init__(self, handler: Handler | None = None, name: str = "model") -> None:
        self.name = name
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.cancelled = 0
        self._handler = handler or self._echo
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def replica(self, identity: str | None = None) -> Replica:
        return Replica(identity or self.name, "127.0.0.1", self.port)

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def _echo(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"from": self.name, "got": self.seen[-1][1].decode("latin-1")})

    async def _invocations(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((dict(request.headers), await request.read()))
        try:
            return await self._handler(request)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))
        self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/invocations", self._invocations)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = runner.addresses[0][1]
        ready.set()
        await self._stop.wait()
        await runner.cleanup()


class RunningGateway:
    """A gateway process over its own root."""

    def __init__(self, root: Path, *options: str) -> None:
        self.settings: Settings = load_settings(root, account=ACCOUNT)
        self._clients: list[SageMakerRuntimeClient] = []
        self.keys = KeyRing.load(self.settings.master_key)
        self.ready = root / "run" / "gateway.json"
        command = [sys.executable, "-m", "jupyter_mlstudio.endpoints.gateway"]
        arguments = ["--root", str(root), "--ready", str(self.ready), *options]
        self.process = subprocess.Popen([*command, *arguments])
        deadline = time.monotonic() + 20
        while not self.ready.exists():
            assert self.process.poll() is None, "the gateway died"
            assert time.monotonic() < deadline, "the gateway is not ready"
            time.sleep(0.02)

    def route(
        self, *variants: Variant, name: str = "ep", status: str = "InService", keep: bool = False
    ) -> str:
        """Make ``name`` the only endpoint, and wait until the gateway knows."""
        log_group = f"/aws/sagemaker/Endpoints/{name}"
        endpoint = EndpointRoute(ACCOUNT, REGION, name, status, log_group, variants)
        revision = write_routes(self.settings.routes, [endpoint])
        self.wait_for(lambda state: state["revision"] == revision)
        return revision

    def wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        path = self.settings.routes.with_name("state.json")
        deadline = time.monotonic() + 10
        while not (path.exists() and condition(json.loads(path.read_text()))):
            assert time.monotonic() < deadline, "the gateway does not follow"
            time.sleep(0.02)

    def client(self, region: str = REGION, **config: Any) -> SageMakerRuntimeClient:
        credentials = self.keys.user_key(ACCOUNT, self.settings.user_arn)
        settings = {"retries": {"max_attempts": 0}, "read_timeout": 30, **config}
        client = boto3.client(
            "sagemaker-runtime",
            endpoint_url=self.settings.gateway_url,
            region_name=region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            config=Config(**settings),
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(70)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Give one gateway to all tests of a module that do not end it."""
    running = RunningGateway(tmp_path_factory.mktemp("gateway") / "root")
    yield running
    running.close()


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    """Give a gateway that the test may end."""
    running = RunningGateway(tmp_path / "root")
    yield running
    running.close()


@pytest.fixture
def model() -> Iterator[Callable[..., ModelServer]]:
    servers: list[ModelServer] = []

    def start(handler: Handler | None = None, name: str = "model") -> ModelServer:
        servers.append(ModelServer(handler, name))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give one studio to all tests of endpoints."""
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()
