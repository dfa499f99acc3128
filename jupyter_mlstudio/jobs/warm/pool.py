"""Keeps a container ready that has run nobody's code yet."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from ..._failpoints import reached
from ...compute.protocol import ContainerSpec, EngineError, Folder, Phase
from ...core.clock import moment, now, since
from ...core.controllers import controller
from ...core.store import Resource
from ...core.studio import Studio
from ..cluster import Cluster
from ..hosts import hosts_of
from ..status import FINAL
from ..training.contract import container_spec, prepare_folders
from .cache import make_cache
from .kind import AVAILABLE, REUSED, TERMINATED, keep_alive

log = logging.getLogger(__name__)

PLACE = "/opt/mlstudio-standby"
_SCRIPT = Path(__file__).with_name("standby.py")
_PATIENCE = 20.0
_SOON = 0.2
_HANDING_OVER = 5.0


@controller("WarmPool")
class WarmPoolController:
    """Reconciles warm pools."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def reconcile(self, uid: str) -> float | None:
        """Take the next step of a pool."""
        pool = self.studio.store.by_uid(uid)
        if pool is None:
            return None
        if pool.status == AVAILABLE:
            return self._keep(pool)
        if pool.status == REUSED and self._handing_over(pool):
            return _HANDING_OVER
        self._clean(pool)
        return None

    def _keep(self, pool: Resource) -> float | None:
        left: float = pool.facts["Kept"] - since(pool.facts["Opened"])
        if left <= 0:
            return self._terminate(pool, f"kept for {keep_alive(pool.wish)} s")
        engine, name = self.studio.engine, self.studio.container_name(pool)
        if engine.name == "process":
            return self._terminate(pool, "plain processes need no container made ready")
        try:
            state = engine.inspect(name)
            if "Made" not in pool.facts:
                if state is None:
                    if not pool.facts.get("Given"):
                        return left  # until the job before has left
                    if not engine.shares_fifos():
                        return self._terminate(pool, "the engine does not see the studio's files")
                    self._make(pool)
                with self.studio.store.edit(pool.uid) as draft:
                    draft.facts["Made"] = moment()
                return _SOON
        except EngineError as error:
            if error.retryable:
                raise
            return self._terminate(pool, error.reason)
        if state is None or state.phase is Phase.EXITED:
            return self._terminate(pool, "its container ended (it needs a python3 in the image)")
        if not pool.facts.get("Ready"):
            return self._await(pool)
        return left

    def _make(self, pool: Resource) -> None:
        base = self.studio.run_folder(pool)
        self.studio.engine.remove_tree(base)
        make_cache(self.studio, pool)
        cluster = Cluster(self.studio, pool, hosts_of(pool.wish["ResourceConfig"]))
        (host,) = cluster.hosts
        prepare_folders(base, pool, cluster.hosts, host)
        standby = base / PLACE.lstrip("/")
        standby.mkdir(parents=True, exist_ok=True)
        standby.chmod(0o777)
        shutil.copyfile(_SCRIPT, standby / _SCRIPT.name)
        (standby / _SCRIPT.name).chmod(0o644)
        os.mkfifo(standby / "go")
        (standby / "go").chmod(0o666)
        reached("warm.make.folders")
        self.studio.engine.start(standby_spec(container_spec(self.studio, pool, cluster, host, [])))
        reached("warm.make.started")

    def _await(self, pool: Resource) -> float | None:
        """Note that the container waits for a job."""
        if (standby_folder(self.studio, pool) / "waiting").exists():
            with self.studio.store.edit(pool.uid) as draft:
                draft.facts["Ready"] = True
            reached("warm.ready")
            return _SOON
        if since(pool.facts["Made"]) > _PATIENCE:
            return self._terminate(pool, "its container does not get ready")
        return _SOON

    def _handing_over(self, pool: Resource) -> bool:
        """Say whether a job is still moving into the container."""
        job = self.studio.store.by_uid(pool.facts["ReusedBy"])
        return job is not None and job.status not in FINAL and "ToldAt" not in job.facts

    def _terminate(self, pool: Resource, reason: str) -> float | None:
        log.info("Warm pool of %s ends: %s", pool.name, reason)
        with self.studio.store.edit(pool.uid) as draft:
            if draft.status == AVAILABLE:
                draft.status = TERMINATED
                draft.facts["EndedAt"] = now()
                draft.step(TERMINATED, f"The warm pool ended: {reason}")
        reached("warm.end.recorded")
        return _SOON

    def _clean(self, pool: Resource) -> None:
        self.studio.engine.remove(self.studio.container_name(pool))
        reached("warm.end.removed")
        self.studio.engine.remove_tree(self.studio.settings.jobs / pool.uid)


def standby_spec(spec: ContainerSpec) -> ContainerSpec:
    """Return the container that waits in place of one that runs a job."""
    base = spec.base
    return replace(
        spec,
        entrypoint=["python3", f"{PLACE}/{_SCRIPT.name}"],
        command=[],
        environment={},
        mounts=[*spec.mounts, Folder(base / PLACE.lstrip("/"), PLACE)],
    )


def standby_folder(studio: Studio, owner: Resource) -> Path:
    """Return the host folder through which a waiting container is told what to run."""
    return studio.run_folder(owner) / PLACE.lstrip("/")
