"""One replica: its container started, watched until it answers pings, and after that."""

from __future__ import annotations

from time import monotonic

from .._failpoints import reached
from ..compute.protocol import ContainerState, EngineError, ImageNotFound, Phase
from ..core.clock import moment, now, since
from ..core.store import Resource
from ..core.studio import Studio
from .artifacts import ModelDataError, fetch
from .container import answers_ping, container_spec
from .kinds import log_group
from .slots import Slot, log_stream, note, part_of, record_of

PING_EVERY = 5.0
MISSING_SECONDS = 75.0
"""How long a replica may answer no ping: longer than one invocation may keep it busy."""

ROOM_SECONDS = 600.0
"""How long a new replica waits for room on this machine before its deployment is given up."""

_TAIL_LINES = 10
_REASON = 1024


class ReplicaFailed(Exception):
    """A replica ended or never became healthy; the text is a failure reason for the user."""


class Replicas:
    """Brings replicas up and looks after them."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._pinged: dict[str, float] = {}
        self._answered: dict[str, float] = {}

    def advance(self, endpoint: Resource, slot: Slot) -> None:
        """Take the next step with a slot's replica.

        Raises
        ------
        ReplicaFailed
            It ended, cannot be started, or does not answer pings.
        EngineError
            The engine could not be reached; try again.
        """
        record = record_of(endpoint, slot)
        if "Failed" in record and since(record["Failed"]) < record["Pause"]:
            return
        state = self._studio.engine.inspect(self._name(endpoint, slot))
        if state is None or state.phase is Phase.CREATED:
            if record.get("Launched"):
                raise ReplicaFailed(f"The container of {_place(slot)} is gone.")
            self._launch(endpoint, slot)
        elif state.phase is Phase.RUNNING:
            self._accompany(endpoint, slot, state)
        elif self.follow(endpoint, slot.variant["Name"], part_of(endpoint, slot)):
            raise ReplicaFailed(self._why_ended(endpoint, slot, state))

    def follow(self, endpoint: Resource, variant: str, part: str) -> bool:
        """See that the log of a container is kept; say whether it has been read to its end."""
        return self._studio.collector.follow(
            self._studio.container_name(endpoint, part),
            self._studio.logs(endpoint),
            log_group(endpoint.name),
            log_stream(endpoint, variant, part),
        )

    def forget(self, name: str) -> None:
        """Drop what is remembered of a container that is gone."""
        self._studio.collector.forget(name)
        self._studio.admission.release(name)
        self._pinged.pop(name, None)
        self._answered.pop(name, None)

    def _launch(self, endpoint: Resource, slot: Slot) -> None:
        studio, name = self._studio, self._name(endpoint, slot)
        instance = slot.variant["InstanceType"]
        limits = studio.admission.limits(instance)
        # From here on there may be room held, or a container: what is recorded is also retired.
        self._note(endpoint, slot)
        reached("endpoint.launch.noted")
        if not studio.admission.reserve(name, limits, service=True):
            if since(endpoint.wish["Plan"]["Asked"]) > ROOM_SECONDS:
                raise ReplicaFailed(
                    f"CapacityError: Unable to provision {instance} for {_place(slot)}: this "
                    "machine has had no room for it; stop something else, or use a smaller type."
                )
            with studio.store.edit(endpoint.uid) as draft:
                draft.step(draft.status, f"Waiting for room on this machine for one {instance}")
            return
        container = slot.variant["Container"]
        try:
            data = container.get("ModelData")
            model = fetch(studio, data, container["Hostname"]) if data else None
            reached("endpoint.launch.fetched")
            studio.engine.start(container_spec(studio, endpoint, slot, model, limits))
        except (ModelDataError, ImageNotFound) as error:
            raise ReplicaFailed(str(error)) from error
        except EngineError as error:
            if error.retryable:
                raise
            raise ReplicaFailed(f"The container cannot be started: {error.reason}") from error
        reached("endpoint.launch.started")
        self._note(endpoint, slot, Launched=moment())

    def _accompany(self, endpoint: Resource, slot: Slot, state: ContainerState) -> None:
        record = record_of(endpoint, slot)
        limits = self._studio.admission.limits(slot.variant["InstanceType"])
        self._studio.admission.restore(state.name, limits, service=True)
        self.follow(endpoint, slot.variant["Name"], part_of(endpoint, slot))
        address = state.address
        if address is None:
            raise ReplicaFailed(f"The container of {_place(slot)} has no address.")
        if "Launched" not in record:
            launched = moment(now() - (state.started_at or now()))
            self._note(endpoint, slot, Launched=launched)
        elif "Healthy" in record:
            self._keep(endpoint, slot, state.name, address)
        elif answers_ping(address):
            self._note(endpoint, slot, Healthy=moment(), Address=list(address))
            reached("endpoint.healthy")
        elif since(record["Launched"]) > slot.variant["Startup"]:
            raise ReplicaFailed(self._why_unhealthy(endpoint, slot))

    def _keep(self, endpoint: Resource, slot: Slot, name: str, address: tuple[str, int]) -> None:
        """Ping a healthy replica now and then; give it up after a long silence."""
        if list(address) != record_of(endpoint, slot)["Address"]:
            self._note(endpoint, slot, Address=list(address))
        if monotonic() - self._pinged.get(name, -PING_EVERY) < PING_EVERY:
            return
        self._pinged[name] = monotonic()
        if answers_ping(address):
            self._answered[name] = monotonic()
        elif monotonic() - self._answered.setdefault(name, monotonic()) > MISSING_SECONDS:
            raise ReplicaFailed(self._why_unhealthy(endpoint, slot))

    def _note(self, endpoint: Resource, slot: Slot, **changes: object) -> None:
        with self._studio.store.edit(endpoint.uid) as draft:
            note(draft, slot, **changes)

    def _name(self, endpoint: Resource, slot: Slot) -> str:
        return self._studio.container_name(endpoint, part_of(endpoint, slot))

    def _why_ended(self, endpoint: Resource, slot: Slot, state: ContainerState) -> str:
        if state.oom_killed:
            instance = slot.variant["InstanceType"]
            how = f"ran out of the memory that {instance} has on this machine"
        else:
            how = f"ended with exit code {state.exit_code}"
        return self._with_log(endpoint, slot, f"The container of {_place(slot)} {how}.")

    def _why_unhealthy(self, endpoint: Resource, slot: Slot) -> str:
        return self._with_log(
            endpoint,
            slot,
            f"The {slot.variant['Container']['Hostname']} container for production variant "
            f"{slot.variant['Name']} did not pass the ping health check. Please check CloudWatch "
            "logs for this endpoint.",
        )

    def _with_log(self, endpoint: Resource, slot: Slot, text: str) -> str:
        stream = log_stream(endpoint, slot.variant["Name"], part_of(endpoint, slot))
        lines = self._studio.logs(endpoint).tail(log_group(endpoint.name), stream, _TAIL_LINES)
        told = "\n".join(lines)
        room = _REASON - len(text) - len(" Its log ends: ")
        return f"{text} Its log ends: {told[-room:]}" if told else text


def _place(slot: Slot) -> str:
    return f"production variant {slot.variant['Name']}"
