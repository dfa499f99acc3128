"""The studio's side of the routing table: writing it, and learning that it is in force."""

from __future__ import annotations

import threading

import psutil

from ..core.store import Resource
from ..core.studio import Studio
from .kinds import DELETING, ENDPOINT, FAILED, IN_SERVICE, OUT_OF_SERVICE, log_group
from .plan import Plan, serving
from .routes import (
    EndpointRoute,
    GatewayState,
    Replica,
    Variant,
    read_state,
    state_path,
    write_routes,
)
from .slots import Slot, healthy, part_of, record_of, replica_id

_LOCK = threading.Lock()


def publish(studio: Studio) -> str:
    """Write the routes of all endpoints as the store has them now; return their revision."""
    with _LOCK:
        routes = [
            route
            for endpoint in studio.store.select(ENDPOINT)
            if (route := _route(endpoint)) is not None
        ]
        return write_routes(studio.settings.routes, routes)


def in_force(studio: Studio, revision: str) -> bool:
    """Say whether the gateway routes by ``revision``, or there is no gateway that could."""
    state = _living(studio)
    return state is None or state.revision == revision


def drained(studio: Studio, revision: str, replica: str) -> bool:
    """Say whether the gateway has left a replica that ``revision`` no longer has."""
    state = _living(studio)
    return state is None or (state.revision == revision and replica not in state.busy)


def _living(studio: Studio) -> GatewayState | None:
    state = read_state(state_path(studio.settings.routes))
    return state if state is not None and psutil.pid_exists(state.pid) else None


def _route(endpoint: Resource) -> EndpointRoute | None:
    plan = serving(endpoint)
    if plan is None or endpoint.status in (DELETING, FAILED):
        return None
    variants = tuple(_variant(endpoint, plan, each["Name"]) for each in plan["Variants"])
    up = any(variant.replicas for variant in variants)
    return EndpointRoute(
        account=endpoint.account,
        region=endpoint.region,
        name=endpoint.name,
        status=IN_SERVICE if up else OUT_OF_SERVICE,
        log_group=log_group(endpoint.name),
        variants=variants,
    )


def _variant(endpoint: Resource, plan: Plan, name: str) -> Variant:
    wish = next(each for each in plan["Variants"] if each["Name"] == name)
    return Variant(
        name=name,
        replicas=tuple(_replica(endpoint, slot) for slot in healthy(endpoint, plan, name)),
        weight=wish["Weight"],
        container=wish["Container"]["Hostname"],
    )


def _replica(endpoint: Resource, slot: Slot) -> Replica:
    host, port = record_of(endpoint, slot)["Address"]
    return Replica(replica_id(endpoint, part_of(endpoint, slot)), host, port)
