"""A Jupyter server with the extension, beside a studio whose operations tests choose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_core import (  # noqa: F401 - fixtures
    echo_kernel_spec,
    jp_asyncio_loop,
    jp_config_dir,
    jp_data_dir,
    jp_env_config_path,
    jp_env_jupyter_path,
    jp_environ,
    jp_home_dir,
    jp_kernel_dir,
    jp_runtime_dir,
    jp_system_config_path,
    jp_system_jupyter_path,
)
from pytest_jupyter.jupyter_server import (  # noqa: F401 - fixtures
    jp_argv,
    jp_auth_header,
    jp_configurable_serverapp,
    jp_fetch,
    jp_http_port,
    jp_logging_stream,
    jp_nbconvert_templates,
    jp_root_dir,
    jp_server_cleanup,
    jp_serverapp,
    jp_template_dir,
    jp_web_app,
    jp_ws_fetch,
)
from pytest_jupyter.pytest_tornasync import (  # noqa: F401 - fixtures
    http_server,
    http_server_client,
    http_server_port,
    io_loop,
)
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from jupyter_mlstudio import __version__
from jupyter_mlstudio.core.settings import Settings, load_settings
from jupyter_mlstudio.server import connection
from jupyter_mlstudio.studio.client import StudioInfo
from jupyter_mlstudio.wire.http import make_app, make_runner
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Handler

T = TypeVar("T")

BASE_URL = "/a/b%20c/"


@dataclass
class Answer:
    """What a route answered."""

    status: int
    content_type: str
    text: str

    @property
    def document(self) -> Any:
        """The JSON of the answer."""
        assert self.content_type.startswith("application/json"), self.text
        return json.loads(self.text)


@dataclass
class FakeStudio:
    """A studio's endpoint: the real wire, over operations that a test defines."""

    settings: Settings
    table: dict[tuple[str, str], Handler] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    def on(self, service: str, operation: str, answer: Callable[[Any], Any]) -> None:
        """Let ``answer`` make the output of an operation from its input."""

        def handler(call: Any, request: Any) -> Any:
            self.calls.append((operation, request))
            return answer(request)

        self.table[service, operation] = handler

    def named(self, operation: str) -> list[Any]:
        """Return the inputs of all calls of an operation."""
        return [request for name, request in self.calls if name == operation]

    async def start(self) -> None:
        """Listen on the studio's port."""
        keys = KeyRing.load(self.settings.master_key)
        app = make_app(
            self,
            keys,
            account=self.settings.account,
            default_region=self.settings.region,
            table=self.table,
        )
        self._runner = make_runner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.settings.port).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def info(self) -> StudioInfo | None:
        """What ``find`` says of it."""
        if self._runner is None:
            return None
        return StudioInfo(
            pid=0,
            started=0.0,
            version=__version__,
            studio_id=self.settings.studio_id,
            url=self.settings.url,
            s3_url=self.settings.s3_url,
            gateway_url=self.settings.gateway_url,
        )


@pytest.fixture
def run(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Callable[[Awaitable[T]], T]:  # noqa: F811
    """Give a function that runs an awaitable on the loop of the server."""

    def run_until_done(awaitable: Awaitable[T]) -> T:
        async def main() -> T:
            return await asyncio.wait_for(awaitable, 20)

        return jp_asyncio_loop.run_until_complete(main())

    return run_until_done


@pytest.fixture
def studio_root(tmp_path: Path) -> Path:
    """Give the root of the studio."""
    return tmp_path / "studio"


@pytest.fixture
def fake_studio(
    studio_root: Path, run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeStudio]:
    """Give a studio that listens and has no operations yet."""
    fake = FakeStudio(load_settings(studio_root))
    monkeypatch.setattr(connection.studio, "find", lambda settings: fake.info())
    run(fake.start())
    yield fake
    run(fake.stop())


@pytest.fixture
def jp_base_url() -> str:
    """Give a base URL that needs care."""
    return BASE_URL


@pytest.fixture
def jp_server_config(studio_root: Path) -> Config:
    """Configure a server that trusts nobody and starts no studio."""
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"jupyter_mlstudio": True},
                "allow_unauthenticated_access": False,
            },
            "MLStudioExtension": {
                "root": str(studio_root),
                "autostart": False,
                "kernel_profile": False,
            },
        }
    )


@pytest.fixture
def fetch(
    jp_serverapp: ServerApp,  # noqa: F811
    jp_fetch: Callable[..., Awaitable[HTTPResponse]],  # noqa: F811
    run: Callable[[Any], Any],
) -> Callable[..., Answer]:
    """Give a function that asks a path below ``mlstudio/`` with the server's token."""

    def ask(*path: str, **options: object) -> Answer:
        try:
            response = run(jp_fetch("mlstudio", *path, **options))
        except HTTPClientError as error:
            assert error.response is not None, error
            response = error.response
        return Answer(
            response.code, response.headers.get("Content-Type", ""), response.body.decode()
        )

    return ask
