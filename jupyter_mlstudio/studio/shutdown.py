"""What runs on a studio, and ending it."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ..compute.protocol import Engine, EngineError, Phase
from ..core.database import DatabaseUnavailable
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Caller, handlers

log = logging.getLogger(__name__)

_JOB_PATIENCE = 20.0
"""Seconds jobs get to stop in their own order: SIGTERM, model kept, status set."""

_CONTAINER_GRACE = 10
_KILL_PATIENCE = 5.0
_POLL = 0.1


def running(engine: Engine) -> list[str]:
    """Return the names of containers that run. Raises :class:`EngineError`."""
    return [state.name for state in engine.owned() if state.phase is Phase.RUNNING]


def count(engine: Engine) -> int:
    """Return how many containers run; 0 where the engine cannot be asked."""
    try:
        return len(running(engine))
    except EngineError as error:
        log.warning("Containers cannot be counted: %s", error)
        return 0


class Counting:
    """Counts the containers that run for whoever cannot wait until a hung engine answers."""

    def __init__(self, engine: Engine, patience: float = 1.0) -> None:
        self._engine = engine
        self._patience = patience
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._asked: Future[list[str]] | None = None
        self._latest = 0

    def count(self) -> tuple[int, str]:
        """Return how many ran when the engine last answered, and why it does not now."""
        if self._asked is None or self._asked.done():
            self._asked = self._pool.submit(running, self._engine)
        try:
            self._latest = len(self._asked.result(self._patience))
        except TimeoutError:
            return self._latest, f"It has not answered for {self._patience:g} s"
        except EngineError as error:
            return self._latest, error.reason
        return self._latest, ""


def stop_work(studio: Studio) -> None:
    """Stop jobs as their user would, then every container that is left.

    Endpoints stay what they are; the next studio starts their containers again. Raises
    :class:`EngineError`.
    """
    try:
        _stop_jobs(studio)
    except DatabaseUnavailable as error:
        log.error("Jobs cannot be stopped in their own order: %s", error.reason)
    # Whoever reconciles would start what endpoints need again.
    studio.controllers.close()
    stop_containers(studio.engine)


def _stop_jobs(studio: Studio) -> None:
    jobs = [uid for kind, uid in studio.store.unsettled() if _stop_job(studio, kind, uid)]
    settled = _wait(lambda: not _unsettled(studio, jobs), _JOB_PATIENCE)
    if not settled:
        for name in running(studio.engine):
            if any(uid in name for uid in jobs):
                studio.engine.stop(name, _CONTAINER_GRACE)
        _wait(lambda: not _unsettled(studio, jobs), _CONTAINER_GRACE + _KILL_PATIENCE)


def stop_containers(engine: Engine) -> None:
    """Stop every container that runs, and wait until they have ended. Raises as above."""
    for name in running(engine):
        engine.stop(name, _CONTAINER_GRACE)
    if not _wait(lambda: not running(engine), _CONTAINER_GRACE + _KILL_PATIENCE):
        log.warning("Containers that still run: %s", ", ".join(running(engine)))


def _stop_job(studio: Studio, kind: str, uid: str) -> bool:
    """Call the Stop operation of a resource; say whether its kind has one."""
    stop = handlers().get(("sagemaker", f"Stop{kind}"))
    resource = studio.store.by_uid(uid)
    if stop is None or resource is None:
        return False
    caller = Caller(resource.account, resource.region, "", studio.settings.user_arn)
    call = Call(studio, "sagemaker", f"Stop{kind}", caller, str(uuid.uuid4()))
    try:
        stop(call, {f"{kind}Name": resource.name})
    except AWSError as error:
        log.info("%s %s: %s", kind, resource.name, error.message)
    return True


def _unsettled(studio: Studio, uids: list[str]) -> bool:
    return not {uid for _, uid in studio.store.unsettled()}.isdisjoint(uids)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Say whether something is so within some seconds."""
    deadline = time.monotonic() + seconds
    while not (so := done()) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return so
