"""Bring a processing job from its wish to its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._failpoints import reached
from ...compute.protocol import ContainerSpec, Overlay
from ...core.controllers import controller
from ...core.store import Resource
from ...core.studio import Studio
from ..cluster import Cluster
from ..controller import JobController
from ..failure import exit_reason, read_told
from ..hosts import Host, hosts_of
from ..inputs.pipes import Pipe, start_pipes
from ..inputs.sources import S3Source
from ..inputs.trees import make_tree
from ..outputs import check_bucket
from ..status import COMPLETED
from ..sync import FolderSync
from .contract import container_spec, outputs, prepare_folders
from .kind import LOG_GROUP

_MESSAGE = "opt/ml/output/message"


@controller("ProcessingJob")
class ProcessingController(JobController):
    """Reconciles processing jobs."""

    log_group = LOG_GROUP
    noun = "Processing job"
    running = "Processing"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._sync = FolderSync(studio)

    def hosts(self, job: Resource) -> list[Host]:
        """Return the hosts of a job."""
        return hosts_of(job.wish["ProcessingResources"]["ClusterConfig"])

    def prepare(self, job: Resource, cluster: Cluster, *, fresh: bool) -> list[ContainerSpec]:
        """Make folders and inputs of every host; return its container."""
        for output in outputs(job.wish):
            check_bucket(self.studio, output.target, "ProcessingOutputConfig")
        specs = []
        for host in cluster.hosts:
            if fresh:
                base = self.studio.run_folder(job, host.part)
                prepare_folders(base, job, cluster.hosts, host)
            reached("processing.prepare.folders")
            inputs = self._inputs(job, host, len(cluster.hosts))
            reached("processing.prepare.inputs")
            specs.append(container_spec(self.studio, job, cluster, host, inputs))
        return specs

    def _inputs(self, job: Resource, host: Host, hosts: int) -> list[Overlay]:
        every = [
            given["S3Input"]
            for given in job.wish.get("ProcessingInputs", [])
            if not given.get("AppManaged")
        ]
        pipes = [
            Pipe(
                S3Source.of_processing_input(source),
                source["LocalPath"].rstrip("/"),
                source.get("S3CompressionType") == "Gzip",
                host=host.number,
                hosts=hosts,
            )
            for source in every
            if source["S3InputMode"] == "Pipe"
        ]
        start_pipes(self.studio, job, pipes, host=host.number)
        return [
            make_tree(
                self.studio,
                job,
                S3Source.of_processing_input(source),
                source["LocalPath"].rstrip("/"),
                host=host.number,
                hosts=hosts,
            )
            for source in every
            if source["S3InputMode"] == "File"
        ]

    def accompany(self, job: Resource) -> float | None:
        """Upload what outputs of mode Continuous have so far."""
        return self._sync.soon(job, self._parts(job), outputs(job.wish, "Continuous"))

    def publish(self, job: Resource, status: str) -> Mapping[str, Any]:
        """Upload the outputs; those of mode EndOfJob only of a job that completed."""
        folders = outputs(job.wish, None if status == COMPLETED else "Continuous")
        self._sync.finish(job, self._parts(job), folders)
        reached("processing.publish.synced")
        messages = (
            read_told(self.studio.run_folder(job, part) / _MESSAGE) for part in self._parts(job)
        )
        message = next((message for message in messages if message), None)
        return {"ExitMessage": message} if message else {}

    def failure(self, job: Resource) -> str:
        """Return why a container failed."""
        return exit_reason(self.studio, job, self.hosts(job), LOG_GROUP, _MESSAGE)

    def leave(self, job: Resource) -> None:
        """Forget what was uploaded."""
        self._sync.forget(job)

    def _parts(self, job: Resource) -> list[str]:
        return [host.part for host in self.hosts(job)]
