"""What Docker says a container uses, in our terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlstudio.compute.docker_logs import parse_time
from jupyter_mlstudio.compute.protocol import Usage


def read_usage(document: Mapping[str, Any], disk: float | None) -> Usage | None:
    """Return the usage in one document of ``/stats``; None when the container does not run.

    ``disk`` is what the document cannot say.
    """
    memory = document.get("memory_stats", {})
    cpu = document.get("cpu_stats", {}).get("cpu_usage", {})
    if "usage" not in memory or "total_usage" not in cpu:
        return None
    networks = document.get("networks")
    return Usage(
        time=parse_time(document["read"]) / 1e9,
        cpu=cpu["total_usage"] / 1e9,
        memory=memory["usage"] - _reclaimable(memory),
        memory_limit=memory["limit"],
        received=_sum(networks, "rx_bytes"),
        sent=_sum(networks, "tx_bytes"),
        disk=disk,
    )


def _reclaimable(memory: Mapping[str, Any]) -> int:
    """Return the bytes of cached files that nobody uses: they are no need of the container's."""
    stats = memory.get("stats", {})
    # Of all processes in cgroups of version 1, and its only name in version 2.
    inactive = stats.get("total_inactive_file", stats.get("inactive_file", 0))
    return int(min(inactive, memory["usage"]))


def _sum(networks: Mapping[str, Any] | None, name: str) -> int | None:
    if networks is None:
        return None
    return sum(int(each[name]) for each in networks.values())
