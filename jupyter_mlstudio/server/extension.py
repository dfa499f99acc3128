"""The Jupyter Server extension: finds or starts the studio and speaks for the browser."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool, Enum, Unicode, default

from ..core.settings import default_root
from .client import StudioUnavailable
from .connection import StudioConnection
from .events.relay import EventRelay
from .handlers import SETTING, default_handlers


class MLStudioExtension(ExtensionApp):
    """Amazon SageMaker's API, self-hosted: panels, events and the kernels' AWS profile."""

    name = "jupyter_mlstudio"
    extension_url = "/mlstudio"
    load_other_extensions = True

    root = Unicode(
        config=True,
        help="Folder in which this machine's studio keeps everything: its database, objects, "
        "logs and keys.",
    )
    compute = Enum(
        ["", "auto", "docker", "process"],
        default_value="",
        config=True,
        help="What jobs run on: 'docker', 'process' (without isolation), or 'auto' for Docker "
        "where an engine answers. Empty keeps what the studio was last set to.",
    )
    studio_url = Unicode(
        config=True,
        help="URL of a studio on another machine. Requests to it are signed with the key in the "
        "AWS profile 'mlstudio'. Empty: this machine's own studio.",
    )
    autostart = Bool(
        True,
        config=True,
        help="Start the studio together with Jupyter. Otherwise it is used where it runs already.",
    )
    kernel_profile = Bool(
        True,
        config=True,
        help="Give kernels and terminals the AWS profile 'mlstudio'. It becomes their default "
        "only where the user has no default AWS credentials.",
    )

    @default("root")
    def _default_root(self) -> str:
        return str(default_root())

    def initialize_settings(self) -> None:
        """Make the connection to the studio, for handlers and for the event relay.

        The relay registers its schema now: who subscribes before that never gets our events.
        """
        self.connection = StudioConnection(
            Path(self.root).expanduser(), self.compute, self.studio_url.rstrip("/"), self.log
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.settings[SETTING] = self.connection
        events = self.serverapp.event_logger if self.serverapp else None
        self._relay = EventRelay(self.connection.call, events, self.log) if events else None

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(default_handlers)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Prepare kernels, then start studio and event relay in the background."""
        if self.kernel_profile:
            await self.connection.prepare_kernels()
        if self._relay is not None:
            self._tasks.append(asyncio.create_task(self._relay.run()))
        if self.autostart and not self.studio_url:
            self._tasks.append(asyncio.create_task(self._start_studio()))

    async def stop_extension(self) -> None:
        """End the background tasks; the studio goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    async def _start_studio(self) -> None:
        # The connection keeps and logs the reason; panels show it.
        with contextlib.suppress(StudioUnavailable):
            await self.connection.start()
