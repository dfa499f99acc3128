"""Bring a training job from its wish to ``model.tar.gz``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._failpoints import reached
from ...compute.protocol import ContainerSpec
from ...core.clock import at, since
from ...core.controllers import controller
from ...core.store import Resource
from ...core.studio import Studio
from ..artifacts import Model, publish
from ..behaviour import TimeLimit
from ..cluster import Cluster
from ..controller import JobController
from ..failure import exit_reason
from ..hosts import Host, hosts_of
from ..inputs.channels import prepare_channels
from ..outputs import check_bucket
from ..status import COMPLETED, FAILED, FINAL, STOPPED
from ..sync import FolderSync
from ..warm.cache import hand_over, make_cache
from ..warm.kind import open_pool
from ..warm.start import WarmStart
from .contract import container_spec, prepare_folders
from .folders import synced_folders, targets
from .kind import LOG_GROUP
from .metric_files import PERIOD, collect
from .metrics import LogScanner

_PUBLISHED = {COMPLETED: Model.ALWAYS, STOPPED: Model.IF_ANY, FAILED: Model.NEVER}


@controller("TrainingJob")
class TrainingController(JobController):
    """Reconciles training jobs."""

    log_group = LOG_GROUP
    noun = "Training job"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._sync = FolderSync(studio)
        self._scanner = LogScanner(studio)
        self._warm = WarmStart(studio)

    def hosts(self, job: Resource) -> list[Host]:
        """Return the hosts of a job."""
        return hosts_of(job.wish["ResourceConfig"])

    def begun(self, job: Resource) -> bool:
        """Say whether a container that runs, runs the job: one of a warm pool may still wait."""
        return self._warm.begun(job)

    def start(self, job: Resource, cluster: Cluster, *, fresh: bool) -> None:
        """Start the containers, in a warm pool where there is one."""
        claimed = "WarmPool" in job.facts
        if self._warm.start(job, lambda: self.prepare(job, cluster, fresh=True), fresh=fresh):
            return
        super().start(job, cluster, fresh=fresh or claimed)

    def prepare(self, job: Resource, cluster: Cluster, *, fresh: bool) -> list[ContainerSpec]:
        """Make folders and channels of every host; return its container."""
        for member, uri in targets(job.wish):
            check_bucket(self.studio, uri, member)
        specs = []
        for host in cluster.hosts:
            base = self.studio.run_folder(job, host.part)
            if fresh:
                make_cache(self.studio, job)
                self._sync.restore(job, host.part, synced_folders(job.wish))
                reached("training.prepare.restored")
                prepare_folders(base, job, cluster.hosts, host)
            reached("training.prepare.folders")
            channels = prepare_channels(
                self.studio,
                job,
                job.wish.get("InputDataConfig", []),
                host=host.number,
                hosts=len(cluster.hosts),
            )
            reached("training.prepare.channels")
            specs.append(container_spec(self.studio, job, cluster, host, channels))
        return specs

    def publish(self, job: Resource, status: str) -> Mapping[str, Any]:
        """Read the last metrics; upload model and output."""
        self._collect(job, ended=True)
        reached("training.publish.collected")
        self._sync.finish(job, self._parts(job), synced_folders(job.wish))
        reached("training.publish.synced")
        bases = [self.studio.run_folder(job, host.part) for host in self.hosts(job)]
        uri = publish(self.studio, job, bases, _PUBLISHED[status])
        return {"ModelArtifacts": uri} if uri else {}

    def failure(self, job: Resource) -> str:
        """Return why a container failed."""
        return exit_reason(self.studio, job, self.hosts(job), LOG_GROUP, "opt/ml/output/failure")

    def scan(self, job: Resource, stream: str) -> None:
        """Read metrics from the log."""
        self._scanner.scan(job, stream)

    def accompany(self, job: Resource) -> float | None:
        """Read metric files, and keep checkpoints and the like in S3."""
        self._collect(job, ended=False)
        soon = self._sync.soon(job, self._parts(job), synced_folders(job.wish))
        return PERIOD if soon is None else min(soon, PERIOD)

    def rescue(self, job: Resource) -> None:
        """Save checkpoints for the next attempt."""
        self._sync.finish(job, self._parts(job), synced_folders(job.wish))

    def leave(self, job: Resource) -> None:
        """Forget what was uploaded and read, and open a warm pool where one was asked for."""
        self._sync.forget(job)
        self._scanner.forget(job)
        if job.status in FINAL and job.facts.get("Launched"):
            open_pool(self.studio, job)

    def hand_over(self, job: Resource) -> None:
        """Leave the cache to the warm pool."""
        hand_over(self.studio, job)

    def limits(self, job: Resource) -> list[TimeLimit]:
        """Return the limits of StoppingCondition that a job may exceed."""
        stopping = job.wish["StoppingCondition"]
        limits = super().limits(job)
        waited = since(job.facts.get("Accepted") or at(job.created))
        if wait := stopping.get("MaxWaitTimeInSeconds"):
            limits.append(TimeLimit("MaxWaitTimeExceeded", wait - waited))
        if (pending := stopping.get("MaxPendingTimeInSeconds")) and not job.facts.get("Launched"):
            limits.append(TimeLimit("MaxPendingTimeExceeded", pending - waited))
        return limits

    def _collect(self, job: Resource, *, ended: bool) -> None:
        for part in self._parts(job):
            collect(self.studio, job, self.studio.run_folder(job, part), part, ended=ended)

    def _parts(self, job: Resource) -> list[str]:
        return [host.part for host in self.hosts(job)]
