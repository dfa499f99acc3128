"""TCP ports of this machine."""

from __future__ import annotations

import socket


def can_bind(host: str, port: int = 0) -> bool:
    """Say whether this process could listen at an address now; with port 0, if it is ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str) -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
