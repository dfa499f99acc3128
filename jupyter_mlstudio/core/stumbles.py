"""Steps of controllers that failed: on this machine (a full disk), or by a fault of our own.

Kubernetes tries such a step again for ever and says so in events, which its users rarely read.
Here the history of the resource says so, and what can never be what was asked for is given up
after :data:`LAST` tries in a row, which is about a minute.
"""

from __future__ import annotations

from ..compute.protocol import EngineError
from .store import Draft, Resource, Store

LAST = 5
FACT = "Stumbles"
"""How often in a row the present step has failed."""
_LONGEST = 32.0


def note(draft: Draft) -> int:
    """Count a step that failed; return how many did in a row."""
    count: int = draft.facts.get(FACT, 0) + 1
    draft.facts[FACT] = count
    return count


def forget(store: Store, resource: Resource) -> None:
    """Start to count anew, after a step that went well."""
    if FACT in resource.facts and store.by_uid(resource.uid) is not None:
        with store.edit(resource.uid) as draft:
            draft.facts.pop(FACT, None)


def pause(count: int) -> float:
    """Return seconds until the next try."""
    return min(2.0**count, _LONGEST)


def reason(error: Exception) -> str:
    """Return what failed, as a ``FailureReason``."""
    if isinstance(error, EngineError):
        return f"InternalServerError: {error.reason}"
    if isinstance(error, (OSError, ValueError)):
        return f"InternalServerError: {error}"
    said = f"{type(error).__name__}: {error}"
    return f"InternalServerError: {said}. This is a fault of the studio; its log has the details."
