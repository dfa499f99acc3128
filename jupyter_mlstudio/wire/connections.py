"""How many connections a process holds: whoever opens thousands must not use up its files."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
from collections import Counter

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)

MOST_FILES = 65_536
PER_ADDRESS = 1024
"""Connections from one address that is not this machine's: a container."""


def allow_many_files() -> None:
    """Let this process have as many files open as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Return how many connections one server may hold: a quarter of the files, 8192 at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 8192 if soft == resource.RLIM_INFINITY else min(soft // 4, 8192)


def limit_connections(
    server: web.Server | None, most: int | None = None, per_address: int = PER_ADDRESS
) -> None:
    """Let a server close connections beyond ``most``, and those beyond ``per_address`` of one peer.

    aiohttp closes the ones that idle, or send no whole request, after their keep-alive time; so
    room comes back. Call it once the runner of the server is set up.
    """
    if server is None:
        raise ValueError("the runner is not set up")
    _Limit(server, most or most_connections(), per_address)


class _Limit:
    """Stands between a server and its notes of connections."""

    def __init__(self, server: web.Server, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._peers: dict[RequestHandler, str] = {}
        self._counts: Counter[str] = Counter()
        self._full = False
        self._made, self._lost = server.connection_made, server.connection_lost
        server.connection_made = self.made  # type: ignore[method-assign]
        server.connection_lost = self.lost  # type: ignore[method-assign]

    def made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        self._made(handler, transport)
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._peers[handler] = peer
        self._counts[peer] += 1
        over = len(self._peers) > self._most or (
            self._counts[peer] > self._per_address and not _is_here(peer)
        )
        if over:
            if not self._full:
                log.warning(
                    "Too many connections, of which %d are from %s", self._counts[peer], peer
                )
            transport.abort()
        self._full = over

    def lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        peer = self._peers.pop(handler, None)
        if peer is not None:
            self._counts[peer] -= 1
            if not self._counts[peer]:
                del self._counts[peer]
        self._lost(handler, exc)


def _is_here(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return True
