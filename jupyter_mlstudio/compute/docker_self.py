"""The container this very process runs in, where the engine knows one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import docker
import docker.errors

_CONTAINER_ID = re.compile(r"/containers/([0-9a-f]{64})/")


def own_container(api: docker.APIClient) -> dict[str, Any] | None:
    """Return what the engine says of our own container, or None outside one of its own."""
    mounts = Path("/proc/self/mountinfo")
    match = _CONTAINER_ID.search(mounts.read_text()) if mounts.exists() else None
    if match is None:
        return None
    try:
        found: dict[str, Any] = api.inspect_container(match.group(1))
    except docker.errors.NotFound:
        return None
    return found
