"""Bring an endpoint from its wish into service, and keep it there.

Where an endpoint stands is derived: from its containers as the engine shows them, and from what
has been recorded once for all: which plan gets traffic (``Serving``), which one was given up
(``Rejected``), what each slot has seen (``Slots``) and what is on its way out (``Retired``). Every
step may be repeated after a crash. The gateway goes on by itself while no studio runs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .._failpoints import reached
from ..compute.protocol import EngineError, Phase
from ..core import stumbles
from ..core.clock import since
from ..core.controllers import controller
from ..core.database import DatabaseUnavailable
from ..core.store import Draft, Resource
from ..core.studio import Studio
from .artifacts import keep_only
from .kinds import (
    CREATING,
    DELETING,
    ENDPOINT,
    FAILED,
    IN_SERVICE,
    OUT_OF_SERVICE,
    UPDATING,
)
from .plan import Plan, serving, target
from .replicas import PING_EVERY, ReplicaFailed, Replicas
from .routes import STREAM_SECONDS
from .routing import drained, in_force, publish
from .slots import Slot, healthy, replica_id, retire, slots_of, start_over

log = logging.getLogger(__name__)

GRACE = 30
"""Seconds between SIGTERM and SIGKILL for a container that serves."""

DRAIN_SECONDS = STREAM_SECONDS + 10
SOON = 0.2
STARTING = 0.5
UNREACHABLE = 2.0
AGAIN = 5.0
"""Seconds until it is looked again for models that nobody needs, when one is being unpacked."""


@controller("Endpoint", single=True)
class EndpointController:
    """Reconciles endpoints."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.store = studio.store
        self.replicas = Replicas(studio)

    def reconcile(self, uid: str) -> float | None:
        """Take the next steps of an endpoint."""
        endpoint = self.store.by_uid(uid)
        if endpoint is None:
            return self._collect_models()
        try:
            pause = self._step(endpoint)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if isinstance(error, EngineError) and error.retryable:
                log.warning("Endpoint %s waits for the container engine: %s", endpoint.name, error)
                return UNREACHABLE
            return self._stumble(endpoint, error)
        stumbles.forget(self.store, endpoint)
        return pause

    def _step(self, endpoint: Resource) -> float | None:
        if endpoint.status == DELETING:
            return self._delete(endpoint)
        wanted = target(endpoint)
        if wanted is None or endpoint.status == FAILED:
            self._give_up(endpoint)
            return None
        return self._serve(endpoint, wanted)

    def _stumble(self, endpoint: Resource, error: Exception) -> float:
        """Try a step again that failed; a deployment is given up at last, what serves goes on."""
        log.warning("Endpoint %s: %s; trying again", endpoint.name, error, exc_info=error)
        reason = stumbles.reason(error)
        with self.store.edit(endpoint.uid) as draft:
            count = stumbles.note(draft)
            if draft.status in (CREATING, UPDATING) and count > stumbles.LAST:
                wanted = draft.wish["Plan"]
                if serving(draft) != wanted and draft.facts.get("Rejected") != wanted["Generation"]:
                    self._reject(draft, wanted, reason)
                if target(draft) is None:
                    draft.status = FAILED
                    draft.step(FAILED, draft.facts["FailureReason"])
            elif draft.status != FAILED:
                draft.step(draft.status, f"This step is tried again after: {reason}")
        return stumbles.pause(count)

    def _serve(self, endpoint: Resource, wanted: Plan) -> float | None:
        current = serving(endpoint)
        for slot in _needed(wanted, current):
            endpoint = self._advance(endpoint, slot, wanted, current)
            if target(endpoint) != wanted:
                return SOON  # the deployment was given up
        endpoint = self._settle(endpoint, wanted, current)
        reached("endpoint.settled")
        revision = publish(self.studio)
        reached("endpoint.routed")
        draining = self._drain(endpoint, revision)
        if not self._judge(endpoint, wanted, revision):
            return SOON
        if (
            draining
            or endpoint.status == CREATING
            or len(healthy(endpoint, wanted)) < _size(wanted)
        ):
            return STARTING
        return PING_EVERY

    def _advance(
        self, endpoint: Resource, slot: Slot, wanted: Plan, current: Plan | None
    ) -> Resource:
        """Take a step with a replica; one that fails is replaced, or ends the deployment."""
        try:
            self.replicas.advance(endpoint, slot)
        except ReplicaFailed as failure:
            log.warning("Endpoint %s: %s", endpoint.name, failure)
            serves = current is not None and slot.key in {each.key for each in slots_of(current)}
            with self.store.edit(endpoint.uid) as draft:
                if serves:
                    start_over(draft, slot)
                    draft.facts["Crash"] = str(failure)
                else:
                    self._reject(draft, wanted, str(failure))
        return self.store.by_uid(endpoint.uid) or endpoint

    def _reject(self, draft: Draft, wanted: Plan, reason: str) -> None:
        """Give a deployment up; what served before goes on serving."""
        draft.facts["Rejected"] = wanted["Generation"]
        draft.facts["FailureReason"] = reason[:1024]
        draft.step(draft.status, f"The deployment failed: {reason}")

    def _settle(self, endpoint: Resource, wanted: Plan, current: Plan | None) -> Resource:
        """Give the wanted plan the traffic once all of it is healthy; retire what is left over."""
        ready = len(healthy(endpoint, wanted)) == _size(wanted)
        kept = wanted if ready else None
        with self.store.edit(endpoint.uid) as draft:
            if target(draft) != wanted:
                return draft  # the wish changed meanwhile
            if ready and current != wanted:
                draft.facts["Serving"] = wanted
            needed = {slot.key for slot in _needed(wanted, None if kept else current)}
            for key in set(draft.facts.get("Slots", {})) - needed:
                retire(draft, key, wanted["Linger"])
        return draft

    def _judge(self, endpoint: Resource, wanted: Plan, revision: str) -> bool:
        """Say how an endpoint is; return False while that has to wait for the gateway."""
        if serving(endpoint) != wanted:
            return True
        up = bool(healthy(endpoint, wanted))
        status = IN_SERVICE if up else OUT_OF_SERVICE
        if endpoint.status == status or (endpoint.status == UPDATING and not up):
            return True
        if up and not in_force(self.studio, revision):
            return False
        with self.store.edit(endpoint.uid) as draft:
            if draft.status not in (DELETING, FAILED) and target(draft) == wanted:
                draft.status = status
                draft.step(status, "" if up else draft.facts.get("Crash", ""))
        reached("endpoint.judged")
        return True

    def _drain(self, endpoint: Resource, revision: str) -> bool:
        """Remove retired containers that have answered their last request; say if any is left."""
        retired = endpoint.facts.get("Retired", {})
        gone = [
            part for part, info in retired.items() if self._remove(endpoint, part, info, revision)
        ]
        if gone:
            reached("endpoint.drain.removed")
            with self.store.edit(endpoint.uid) as draft:
                for part in gone:
                    draft.facts["Retired"].pop(part, None)
            self.studio.controllers.look(ENDPOINT.name, "")
        return len(gone) < len(retired)

    def _remove(
        self, endpoint: Resource, part: str, info: Mapping[str, Any], revision: str
    ) -> bool:
        name = self.studio.container_name(endpoint, part)
        state = self.studio.engine.inspect(name)
        if state is not None and state.phase is Phase.RUNNING:
            waited = since(info["Since"])
            free = drained(self.studio, revision, replica_id(endpoint, part))
            if (free and waited >= info["Linger"]) or waited > info["Linger"] + DRAIN_SECONDS:
                self.studio.engine.stop(name, GRACE)
                reached("endpoint.drain.stopped")
            return False
        ended = state is not None and state.phase is Phase.EXITED
        if ended and not self.replicas.follow(endpoint, info["Variant"], part):
            return False
        self._discard(endpoint, part)
        return True

    def _discard(self, endpoint: Resource, part: str) -> None:
        name = self.studio.container_name(endpoint, part)
        self.studio.engine.remove(name)
        self.replicas.forget(name)
        reached("endpoint.discard.removed")
        self.studio.engine.remove_tree(self.studio.run_folder(endpoint, part))

    def _give_up(self, endpoint: Resource) -> None:
        """End an endpoint that never came into service; nobody waits for its containers."""
        with self.store.edit(endpoint.uid) as draft:
            for key in list(draft.facts.get("Slots", {})):
                retire(draft, key)
        for part in draft.facts.get("Retired", {}):
            self._discard(endpoint, part)
        self.studio.engine.remove_tree(self.studio.settings.jobs / endpoint.uid)
        reached("endpoint.give-up.removed")
        with self.store.edit(endpoint.uid) as draft:
            draft.facts["Retired"] = {}
            if draft.status != DELETING:
                draft.status = FAILED
                draft.step(FAILED, draft.facts.get("FailureReason", ""))

    def _delete(self, endpoint: Resource) -> float | None:
        with self.store.edit(endpoint.uid) as draft:
            for key in list(draft.facts.get("Slots", {})):
                retire(draft, key)
        if self._drain(draft, publish(self.studio)):
            return STARTING
        self.studio.engine.remove_tree(self.studio.settings.jobs / endpoint.uid)
        reached("endpoint.delete.cleared")
        self.store.delete(endpoint.uid)
        reached("endpoint.delete.deleted")
        self.studio.controllers.look(ENDPOINT.name, "")
        return None

    def _collect_models(self) -> float | None:
        """Delete the unpacked models that are in no plan: when the studio starts, when replicas or
        endpoints are gone.
        """
        return None if keep_only(self.studio, self._models) else AGAIN

    def _models(self) -> list[Mapping[str, str]] | None:
        """Return the model data of all endpoints, None while replicas are on their way out."""
        endpoints = self.store.select(ENDPOINT)
        if any(endpoint.facts.get("Retired") for endpoint in endpoints):
            return None
        plans = [
            plan
            for endpoint in endpoints
            for plan in (endpoint.wish["Plan"], serving(endpoint))
            if plan is not None
        ]
        containers = [variant["Container"] for plan in plans for variant in plan["Variants"]]
        return [each["ModelData"] for each in containers if "ModelData" in each]


def _needed(wanted: Plan, current: Plan | None) -> list[Slot]:
    """Return the slots of both plans; where they share a slot, the wanted plan's."""
    slots = {slot.key: slot for plan in (current, wanted) if plan for slot in slots_of(plan)}
    return list(slots.values())


def _size(plan: Plan) -> int:
    return len(slots_of(plan))
