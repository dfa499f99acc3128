"""Starts a job in a container that was made ready for it."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence

from ..._failpoints import reached
from ...compute.protocol import ContainerSpec, ContainerState, Overlay, Phase
from ...core.clock import now, since
from ...core.settings import write_atomically
from ...core.store import Resource
from ...core.studio import Studio
from ..inputs.sources import S3Source, resolve
from .cache import take_cache
from .kind import AVAILABLE, REUSED, WARM_POOL, keep_alive, shape
from .pool import standby_folder

log = logging.getLogger(__name__)

MOST_INPUT = 512 << 20
"""Bytes of input that are copied into a waiting container; more is mounted into a new one."""
_BEGUN = "begun"
"""File that the waiting program makes as it becomes that of the job."""

_PATIENCE = 5.0
_GETTING_READY = 10.0
"""Seconds after which a pool whose container does not wait yet is not waited for."""
_POLL = 0.01


class WarmStart:
    """Finds a pool for a job, and moves the job into its container."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def begun(self, job: Resource) -> bool:
        """Say whether the program of a job has been started where its container runs."""
        return "WarmPool" not in job.facts or "ToldAt" in job.facts

    def start(
        self, job: Resource, prepare: Callable[[], list[ContainerSpec]], *, fresh: bool
    ) -> bool:
        """Start a job in a waiting container; False where there is none for it.

        Safe to repeat, which is what has to be done while one gets ready. ``prepare`` makes the
        folders of the job.
        """
        pool = self._claimed(job)
        if pool is None:
            pools = self._matching(job) if fresh else []
            pool = self._claim(job, pools)
            if pool is None and any(_gets_ready(each) for each in pools):
                return True
        if pool is None:
            self._drop_claim(job)
            return False
        state = self._move_in(job, pool)
        if state is not None and (begun := self._begun_at(job)) is not None:
            # The studio was killed before it could record that: the program runs, or has run.
            self._note_told(job, begun)
            return True
        if state is None or state.phase is not Phase.RUNNING:
            log.warning("The container made ready for %s is gone: starting another", job.name)
            self._give_up(job)
            return False
        (spec,) = prepare()
        self._copy_inputs(job, spec.mounts)
        reached("warm.move.copied")
        self._tell(job, spec)
        return True

    def _claimed(self, job: Resource) -> Resource | None:
        uid = job.facts.get("WarmPool")
        pool = self._studio.store.by_uid(uid) if uid else None
        return pool if pool and pool.facts.get("ReusedBy") == job.uid else None

    def _matching(self, job: Resource) -> list[Resource]:
        """Return the pools in which a job may start."""
        if not keep_alive(job.wish) or not self._small(job):
            return []
        wanted = (job.account, job.region, shape(self._studio, job.wish))
        pools = self._studio.store.select(WARM_POOL, status=[AVAILABLE])
        return [p for p in pools if (p.account, p.region, p.facts["Shape"]) == wanted]

    def _claim(self, job: Resource, pools: Sequence[Resource]) -> Resource | None:
        store = self._studio.store
        for pool in pools:
            if not pool.facts.get("Ready"):
                continue
            # The job first: a crash in between leaves a claim that is not granted, and no harm.
            with store.edit(job.uid) as draft:
                draft.facts["WarmPool"] = pool.uid
            reached("warm.claim.noted")
            with store.edit(pool.uid) as claimed:
                if claimed.status != AVAILABLE:
                    continue
                claimed.status = REUSED
                claimed.facts.update(ReusedBy=job.uid, ReusedByJob=job.name, EndedAt=now())
                claimed.step(REUSED, f"The warm pool is used by {job.name}")
            reached("warm.claim.granted")
            return claimed
        return None

    def _drop_claim(self, job: Resource) -> None:
        """Forget a claim that was not granted: another job was first, or a crash came between."""
        if keep_alive(job.wish):
            with self._studio.store.edit(job.uid) as draft:
                draft.facts.pop("WarmPool", None)

    def _small(self, job: Resource) -> bool:
        """Say whether the input of a job can be copied quickly."""
        mode = job.wish["AlgorithmSpecification"]["TrainingInputMode"]
        total = 0
        for channel in job.wish.get("InputDataConfig", []):
            if channel.get("InputMode", mode) == "Pipe":
                return False
            if "S3DataSource" not in channel["DataSource"]:
                return False
            source = S3Source.of_channel(channel)
            total += sum(item.object.size for item in resolve(self._studio, job, source))
        return total <= MOST_INPUT

    def _move_in(self, job: Resource, pool: Resource) -> ContainerState | None:
        """Give container and folder of the pool to the job; return how the container is."""
        studio = self._studio
        name = studio.container_name(job)
        state = studio.engine.inspect(name)
        if state is None:
            state = studio.engine.inspect(studio.container_name(pool))
            if state is None:
                return None
            studio.engine.rename(state.name, name)
            reached("warm.move.renamed")
            for changed in (state.name, name):
                studio.sampler.changed(changed)
        theirs, ours = studio.run_folder(pool), studio.run_folder(job)
        if theirs.is_dir():
            # What is mounted is the folder itself, whatever it is called.
            studio.engine.remove_tree(ours)
            ours.parent.mkdir(parents=True, exist_ok=True)
            theirs.rename(ours)
            reached("warm.move.moved")
        take_cache(studio, pool, job)
        reached("warm.move.cached")
        return state

    def _begun_at(self, job: Resource) -> float | None:
        """Return when the program of a job was started where a container waited for it."""
        try:
            return (standby_folder(self._studio, job) / _BEGUN).lstat().st_mtime
        except FileNotFoundError:
            return None

    def _note_told(self, job: Resource, begun: float) -> None:
        with self._studio.store.edit(job.uid) as draft:
            draft.facts["ToldAt"] = begun
        reached("warm.tell.noted")

    def _give_up(self, job: Resource) -> None:
        self._studio.engine.remove(self._studio.container_name(job))
        reached("warm.give-up.removed")
        self._studio.engine.remove_tree(self._studio.settings.jobs / job.uid)
        with self._studio.store.edit(job.uid) as draft:
            draft.facts.pop("WarmPool", None)

    def _copy_inputs(self, job: Resource, mounts: Sequence[object]) -> None:
        base = self._studio.run_folder(job)
        for mount in mounts:
            if isinstance(mount, Overlay):
                place = base / mount.target.lstrip("/")
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(mount.lower, place)
                for path in (place, *place.rglob("*")):
                    path.chmod(0o777 if path.is_dir() else 0o666)

    def _tell(self, job: Resource, spec: ContainerSpec) -> None:
        """Have the waiting container run the program of the job, once."""
        folder = standby_folder(self._studio, job)
        own_entrypoint, own_command = self._studio.engine.command(spec.image)
        command = own_command if spec.command is None and not spec.entrypoint else spec.command
        entrypoint = own_entrypoint if spec.entrypoint is None else spec.entrypoint
        start = {
            "argv": [*entrypoint, *(command or ())],
            "environment": dict(spec.environment),
        }
        write_atomically(folder / "start.json", json.dumps(start), 0o644)
        reached("warm.tell.written")
        deadline = time.monotonic() + _PATIENCE
        while (begun := self._begun_at(job)) is None:
            try:
                os.close(os.open(folder / "go", os.O_WRONLY | os.O_NONBLOCK))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"the container made ready for {job.name} does not start it")
            time.sleep(_POLL)
        reached("warm.tell.begun")
        self._note_told(job, begun)


def _gets_ready(pool: Resource) -> bool:
    return not pool.facts.get("Ready") and since(pool.facts["Opened"]) < _GETTING_READY
