"""The gateway's view of the routing table, and how much each replica has in hand."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlstudio._failpoints import reached
from jupyter_mlstudio.endpoints.routes import (
    EndpointRoute,
    GatewayState,
    Key,
    Replica,
    Routes,
    Variant,
    read_routes,
    state_path,
    write_state,
)

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class RouteTable:
    """The newest readable version of ``path``, and the load of each replica.

    A torn or absent file leaves the last good version in force. After every new version, and
    when a replica that has left the table answers its last request, the state file is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._routes = Routes()
        self._routed: frozenset[str] = frozenset()
        self._credits: dict[Key, dict[str, float]] = {}
        self._load: Counter[str] = Counter()
        self._turn: Counter[str] = Counter()
        self._silent = False
        self._untold = ""
        """Why the state file does not say what is so; empty when it does."""

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._routes = read_routes(self._path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("keeping the last good routes: %s is unreadable (%s)", self._path, error)
            return
        self._routed = frozenset(
            replica.id
            for endpoint in self._routes.endpoints.values()
            for variant in endpoint.variants
            for replica in variant.replicas
        )
        self._turn = Counter({key: n for key, n in self._turn.items() if key in self._routed})
        self._credits = {k: v for k, v in self._credits.items() if k in self._routes.endpoints}
        self.tell()

    async def watch(self) -> None:
        """Refresh for ever, every 200 ms, also while nobody asks."""
        while True:
            self.refresh()
            if self._untold:
                self.tell()
            await asyncio.sleep(POLL_SECONDS)

    def find(self, key: Key) -> EndpointRoute | None:
        """Return the route of an endpoint as the file has it at this moment.

        A look at the file's times costs microseconds, and lets a deleted endpoint answer no more.
        """
        self.refresh()
        return self._routes.endpoints.get(key)

    def choose_variant(self, endpoint: EndpointRoute) -> Variant:
        """Return the next variant by smooth weighted round-robin.

        Each turn every variant gains its weight, and the richest pays the sum: shares are exact
        over any window of ``sum(weights)`` turns, and no variant gets a burst.
        """
        if len(endpoint.variants) == 1:
            return endpoint.variants[0]
        account = self._credits.setdefault(endpoint.key, {})
        total = sum(variant.weight for variant in endpoint.variants)
        for variant in endpoint.variants:
            account[variant.name] = account.get(variant.name, 0.0) + variant.weight
        best = max(endpoint.variants, key=lambda variant: account[variant.name])
        account[best.name] -= total
        return best

    def replicas(self, variant: Variant) -> list[Replica]:
        """Return the replicas to try, the least loaded first and in turn among equals."""
        return sorted(variant.replicas, key=lambda each: (self._load[each.id], self._turn[each.id]))

    @contextmanager
    def occupied(self, replica: Replica) -> Iterator[None]:
        """Count a request in hand at ``replica``."""
        self._load[replica.id] += 1
        self._turn[replica.id] += 1
        try:
            yield
        finally:
            self._load[replica.id] -= 1
            if not self._load[replica.id]:
                del self._load[replica.id]
                if replica.id not in self._routed:
                    self._turn.pop(replica.id, None)
                    self.tell()

    def fall_silent(self) -> None:
        """Leave the state file to the next gateway, which may start while this one drains."""
        self._silent = True

    def tell(self) -> None:
        """Write which version is in force and which replicas have requests in hand.

        What cannot be written, as on a full disk, is tried again at the next look.
        """
        if self._silent:
            return
        state = GatewayState(os.getpid(), self._routes.revision, frozenset(self._load))
        problem = ""
        try:
            write_state(state_path(self._path), state)
            reached("gateway.told")
        except OSError as error:
            problem = str(error)
        if problem and problem != self._untold:
            log.error("the studio is not told which routes are in force: %s", problem)
        self._untold = problem


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:  # it is not there, or cannot be looked at now
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_size)
