"""Places in which a test has a process of ours die, hang or fail; without one they do nothing.

Between every two effects that a crash could tear apart stands ``reached("name")``. It acts where
the environment says so, as ``MLSTUDIO_FAILPOINT=name[:nth[:action]]``: the ``nth`` time (1 unless
told) that a process comes by. Actions: ``kill`` is ``SIGKILL`` to itself, ``hang`` is never to
return, ``fail`` is an ``OSError``. Several wishes are parted by commas. ``MLSTUDIO_FAILPOINT_ONCE``
may name a file that is made as a point acts (``{}`` in it stands for the point): while that is
there, no process acts again, though all have inherited the variables.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "MLSTUDIO_FAILPOINT"
ONCE = "MLSTUDIO_FAILPOINT_ONCE"

POINTS: Mapping[str, str] = {
    # The database and files of the studio
    "store.written": "a change is written | committed",
    "store.committed": "a change is committed | anybody is told",
    "file.written": "a file is written beside its place | in its place",
    "file.replaced": "a file is in its place | its writer goes on",
    "log.appended": "lines are in a log | their metrics are stored",
    "log.scanned": "lines and their metrics are stored | more is read",
    "metrics.appended": "metrics are stored | the next page is read",
    "tree.grown": "a folder is complete beside its place | in its place",
    # Operations on jobs
    "training.create.stored": "a training job is stored | the client is told",
    "training.delete.closed": "its warm pool is forgotten | the job is",
    "training.delete.forgotten": "trial component and metrics are forgotten | the job is",
    "training.delete.deleted": "a job is forgotten | the client is told",
    "processing.create.stored": "a processing job is stored | the client is told",
    "processing.delete.forgotten": "its trial component is forgotten | the job is",
    "job.stop.stored": "a stop is stored | the client is told",
    # From a job to containers
    "job.launch.tracked": "a job has its trial component | room",
    "job.launch.reserved": "room is reserved | the job is downloading",
    "job.launch.noted": "a job is downloading | its folder is cleared",
    "job.launch.cleared": "the folder is cleared | anything is in it",
    "training.prepare.restored": "checkpoints are restored | folders are made",
    "training.prepare.folders": "folders are made | channels are",
    "training.prepare.channels": "the channels of a host are made | its container",
    "processing.prepare.folders": "folders are made | inputs are",
    "processing.prepare.inputs": "the inputs of a host are made | its container",
    "inputs.listed": "a manifest is written | the objects are linked",
    "inputs.linked": "the objects are linked | mounted",
    "pipes.linked": "the objects of FIFOs are linked | the feeder's plan is written",
    "pipes.planned": "the feeder's plan is written | it runs",
    "pipes.fed": "a feeder runs | the container",
    "cluster.started": "the first host is started | the others",
    "docker.network": "a network is made | a container on it",
    "docker.mounted": "volumes are made | the container",
    "docker.created": "a container is created | started",
    "docker.connected": "a container has its second network | is started",
    "docker.started": "a container is started | that is recorded",
    "docker.removed": "a container is removed | its volumes",
    "docker.helping": "a helper container is made | its work is done",
    "docker.probing": "a probe container is made | has answered",
    "process.drafted": "a process is described beside its place | in its place",
    "process.created": "a process is described | its supervisor started",
    "process.launched": "a process runs | that is recorded",
    "process.removing": "a process has ended | its folder is removed",
    "job.launch.started": "the containers are started | the job is looked at again",
    # While they run, and after
    "job.run.noted": "a job is running | its log is followed",
    "job.run.stopped": "the containers are told to stop | they end",
    "job.end.followed": "containers and logs have ended | room is given back",
    "job.end.scanned": "metrics are complete | the outcome is recorded",
    "job.end.recorded": "the outcome is recorded | anything is uploaded",
    "job.finish.readable": "outputs can be read | uploaded",
    "training.publish.collected": "metric files are read | folders are uploaded",
    "training.publish.synced": "folders are uploaded | the model is packed",
    "artifacts.merged": "what hosts wrote is put together | packed",
    "artifacts.packed": "an archive is packed | uploaded",
    "artifacts.uploaded": "an archive is uploaded | removed",
    "processing.publish.synced": "outputs are uploaded | the message is read",
    "sync.restored": "a checkpoint is copied | what was copied is noted",
    "sync.uploaded": "a file is uploaded | that is noted",
    "sync.noted": "what was uploaded is noted | the next folder",
    "job.finish.published": "results are in S3 | the job has ended",
    "job.final.recorded": "a job has ended | anything is cleaned up",
    "job.final.left": "a warm pool is opened | containers are removed",
    "cluster.removed": "the container of a host is removed | of the next, or the network",
    "job.final.removed": "the containers are removed | feeders",
    "job.final.unfed": "the feeders are ended | the folder is removed",
    "job.final.cleared": "the folder is removed | that is all",
    "job.retry.rescued": "checkpoints of an attempt are saved | its containers removed",
    "job.retry.removed": "the containers of an attempt are removed | the next is recorded",
    "job.retry.recorded": "the next attempt is recorded | begun",
    # Warm pools
    "warm.make.folders": "folders of a waiting container are made | it is started",
    "warm.make.started": "a waiting container is started | that is recorded",
    "warm.ready": "a waiting container is ready | a job finds it",
    "warm.claim.noted": "a job has noted a pool | the pool is its",
    "warm.claim.granted": "a pool is the job's | its container is renamed",
    "warm.move.renamed": "the container has the job's name | its folder is moved",
    "warm.move.moved": "container and folder are the job's | the cache is",
    "warm.move.cached": "the cache is the job's | its files are made",
    "warm.move.copied": "inputs are copied | the program is named",
    "warm.tell.written": "the program is named | started",
    "warm.tell.begun": "the program is started | that is recorded",
    "warm.tell.noted": "the start is recorded | the job is looked at again",
    "warm.give-up.removed": "an ended container is removed | the claim is dropped",
    "warm.cache.given": "the cache is the pool's | that is recorded",
    "warm.end.recorded": "a pool has ended | its container is removed",
    "warm.end.removed": "its container is removed | its folder",
    # Models and endpoints
    "model.create.stored": "a model is stored | the client is told",
    "endpoint-config.create.stored": "a configuration is stored | the client is told",
    "endpoint.create.stored": "an endpoint is stored | the client is told",
    "endpoint.update.stored": "an update is stored | the client is told",
    "endpoint.delete.stored": "a deletion is stored | the gateway knows",
    "endpoint.delete.routed": "the gateway knows of a deletion | the client is told",
    "endpoint.launch.noted": "a replica is noted | has room",
    "endpoint.launch.fetched": "the model is unpacked | the container started",
    "endpoint.launch.started": "the container of a replica is started | that is recorded",
    "endpoint.healthy": "a replica is healthy | the deployment is judged",
    "endpoint.settled": "a deployment gets the traffic | the gateway knows",
    "endpoint.routed": "the gateway's routes are written | old replicas are drained",
    "endpoint.judged": "an endpoint is in service | it is looked at again",
    "endpoint.drain.stopped": "an old replica is told to stop | it ends",
    "endpoint.discard.removed": "the container of a replica is removed | its folder",
    "endpoint.drain.removed": "replicas are removed | forgotten",
    "endpoint.delete.cleared": "the folder of an endpoint is removed | the endpoint is forgotten",
    "endpoint.delete.deleted": "an endpoint is forgotten | its models are removed",
    "endpoint.give-up.removed": "the containers of a failed endpoint are removed | it is Failed",
    "endpoint.metrics.stored": "the gateway's counts are stored | their file is removed",
    # The studio's own start and end
    "child.spawned": "S3 front or gateway is spawned | it answers",
    "studio.opened": "database and keys are opened | the other processes run",
    "studio.serving": "everything answers | controllers run",
    "studio.reconciling": "controllers run | the studio says where it is",
    "studio.announced": "the studio says where it is | whoever started it knows",
    "studio.closing": "the studio no longer says where it is | it answers no more",
    "studio.closed": "controllers have ended | the other processes have",
    # The S3 front
    "s3.body.synced": "a body is on disk | in its place",
    "s3.body.published": "a body is in its place | recorded",
    "s3.journal.appended": "a change is in the journal | in the catalogue",
    "s3.catalogue.committed": "a change is in the catalogue | the client is told",
    "s3.bodies.freed": "bodies are no longer needed | removed",
    "s3.complete.joined": "parts are joined | the body is in its place",
    "s3.copy.linked": "the body of a copy is in its place | recorded",
    "s3.recover.replayed": "the journal is replayed | bodies nobody needs are removed",
    "s3.recover.swept": "the store is recovered | it answers",
    # The gateway
    "gateway.asked": "a request is admitted | a container has it",
    "gateway.answered": "a container has answered | the client has its answer",
    "gateway.told": "the gateway has read routes | the studio knows",
    "gateway.spooled": "counts are on disk | more are counted",
}
"""Every point, and what has happened there | what has not."""


class _Armed:
    """A point that acts in this process."""

    def __init__(self, wish: str, once: str | None) -> None:
        name, _, rest = wish.partition(":")
        nth, _, action = rest.partition(":")
        if name not in POINTS or (action or "kill") not in _ACTIONS:
            raise ValueError(f"{VARIABLE}={wish} names no fail-point of this version")
        self._name = name
        self._left = int(nth or 1)
        self._act = _ACTIONS[action or "kill"]
        self._once = Path(once.replace("{}", name)) if once else None
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left or not self._first():
                return
        self._act(name)

    def _first(self) -> bool:
        if self._once is None:
            return True
        try:
            self._once.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _kill(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    _hang(name)


def _hang(name: str) -> None:
    threading.Event().wait()


def _fail(name: str) -> None:
    raise OSError(errno.EIO, f"fail-point {name}")


_ACTIONS: Mapping[str, Callable[[str], None]] = {"kill": _kill, "hang": _hang, "fail": _fail}


def _arm(environment: Mapping[str, str]) -> list[_Armed]:
    wishes = environment.get(VARIABLE, "").split(",")
    return [_Armed(wish, environment.get(ONCE)) for wish in wishes if wish]


_armed = _arm(os.environ)


def reached(name: str) -> None:
    """Come by a point of :data:`POINTS`."""
    for armed in _armed:
        armed.reach(name)
