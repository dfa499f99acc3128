"""Carries changes of resources from the studio into Jupyter's event stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_events import EventLogger

from ...wire.errors import AWSError
from ..client import StudioUnavailable

SCHEMA = Path(__file__).parent / "resource" / "v1.yaml"
SCHEMA_ID = "https://events.jupyter.org/jupyter_mlstudio/resource/v1"

WAIT = 20
"""Seconds the studio holds a request back while nothing changes; its model allows no more."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0

Call = Callable[[str, str, Mapping[str, Any], float], Awaitable[dict[str, Any]]]


class EventRelay:
    """Asks the studio for changes, over and over, and emits each as a Jupyter event.

    Parameters
    ----------
    call:
        Calls an operation: service, operation, params, timeout in seconds.
    events:
        Jupyter's event logger; it learns :data:`SCHEMA`.
    """

    def __init__(self, call: Call, events: EventLogger, log: logging.Logger) -> None:
        self._call = call
        events.register_event_schema(SCHEMA)
        self._events = events
        self._log = log
        self._cursor: str | None = None
        self._connected: bool | None = None

    async def run(self) -> None:
        """Relay until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._relay_once()
                pause = FIRST_PAUSE
            except AWSError as error:
                self._lost(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _relay_once(self) -> None:
        params: dict[str, Any] = {"MaxResults": 1000}
        if self._cursor is not None:
            params |= {"Since": self._cursor, "WaitSeconds": WAIT}
        answer = await self._call("mlstudio", "ListEvents", params, WAIT + 15.0)
        self._cursor = answer["NextCursor"]
        if not self._connected:
            self._connected = True
            self._emit("Studio", "", "Connected")
        elif answer.get("Reset"):
            self._emit("Studio", "", "Reset")
        for event in answer["Events"]:
            self._emit(event["Kind"], event["Name"], event["Status"])

    def _lost(self, error: AWSError) -> None:
        if self._connected is not False:
            self._connected = False
            level = logging.INFO if isinstance(error, StudioUnavailable) else logging.WARNING
            self._log.log(level, "No events from the studio: %s", error.message)
            self._emit("Studio", "", "Disconnected")

    def _emit(self, kind: str, name: str, status: str) -> None:
        data = {"kind": kind, "name": name, "status": status}
        self._events.emit(schema_id=SCHEMA_ID, data=data)
