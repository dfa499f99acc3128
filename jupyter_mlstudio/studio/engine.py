"""The engine a studio's containers run on."""

from __future__ import annotations

from pathlib import Path

from ..compute.probe import choose_engine
from ..compute.protocol import AccessSettings, Engine
from ..core.settings import Settings
from ..images.catalogue import process_command


def open_engine(settings: Settings) -> Engine:
    """Return the engine that ``settings.compute`` names; nothing is asked of it yet."""
    return choose_engine(
        settings.compute,
        settings.studio_id,
        root=settings.root,
        access=AccessSettings(settings.container_port, settings.s3_port, settings.gateway_port),
        command_for=process_command,
        pull=settings.pull,
        shared=[Path(folder) for folder in settings.file_systems.values()],
    )
