"""What controllers of all kinds of jobs share: from a wish to containers, and to an end.

Where a job stands is derived: from its containers as the engine shows them, and from what has
been recorded once for all (``Launched``, ``Failure``, ``Outcome``). Every step may be repeated
after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._failpoints import reached
from ..compute.protocol import (
    ContainerState,
    ContentsLost,
    EngineError,
    ImageNotFound,
    Phase,
)
from ..core import stumbles
from ..core.clock import moment, now
from ..core.database import DatabaseUnavailable
from ..core.store import Draft, Resource
from ..core.studio import Studio
from ..experiments.components import track
from .behaviour import KindOfJob
from .cluster import Cluster, ended, first_failure, up
from .inputs.errors import InputError, download_failed
from .inputs.pipes import fed, feed_problem, stop_pipes
from .patience import S3_ERRORS, keep_results, wait_for_input
from .records import INPUT_PROBLEM, failure_of, forget_attempt, note_end, note_start
from .status import COMPLETED, FAILED, FINAL, IN_PROGRESS, STOPPED, STOPPING
from .wording import GONE, LAST_MESSAGES, RESTARTED, asked, client_error, running_message

log = logging.getLogger(__name__)

GRACE = 120
GRACE_OF_PEERS = 30
"""Seconds the other hosts of a job get once one has failed."""
SOON = 0.1
WAITING = 1.0
ROOM = 5.0
"""Seconds after which a job that waits for room asks again; it is told when there is some."""
UNREACHABLE = 2.0
UPLOAD_RETRY = 5.0


class JobController(KindOfJob):
    """Reconciles jobs of one kind, which says what runs, and what becomes of its results."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._images: set[str] = set()
        """Images that have been here. One that is gone since is pulled, if not announced."""

    def start(self, job: Resource, cluster: Cluster, *, fresh: bool) -> None:
        """Start the containers. Raises :class:`InputError` and :class:`EngineError`."""
        specs = self.prepare(job, cluster, fresh=fresh)
        image = specs[0].image
        if image not in self._images and not self.studio.engine.image_exists(image):
            self._enter(job, "DownloadingTrainingImage", f"Pulling {image}")
            self.studio.engine.ensure_image(image)
        self._images.add(image)
        cluster.start(specs)

    # One step

    def reconcile(self, uid: str) -> float | None:
        """Take the next step of a job."""
        job = self.studio.store.by_uid(uid)
        if job is None:
            return None
        if job.status in FINAL:
            self._clean(job)
            return None
        try:
            pause = self._step(job)
        except DatabaseUnavailable:
            raise
        except EngineError as error:
            if not error.retryable:
                return self._stumble(job, error)
            log.warning("%s %s waits for the container engine: %s", self.noun, job.name, error)
            return UNREACHABLE
        except ConnectionError as error:
            log.warning("%s %s waits for S3: %s", self.noun, job.name, error)
            left = wait_for_input(self.studio, job)
            if left is None:
                return self._end(job, FAILED, str(download_failed(str(error))))
            return left
        except Exception as error:
            return self._stumble(job, error)
        stumbles.forget(self.studio.store, job)
        return pause

    def _stumble(self, job: Resource, error: Exception) -> float | None:
        """Try a step again that failed, and give up at last."""
        forbidden = isinstance(error, PermissionError) and error.errno is None  # by another S3
        reason = str(download_failed(str(error))) if forbidden else stumbles.reason(error)
        log.warning("%s %s: %s; trying again", self.noun, job.name, error, exc_info=error)
        with self.studio.store.edit(job.uid) as draft:
            if draft.status in FINAL:
                return SOON  # it has ended, and is cleaned up like any other
            count = stumbles.note(draft)
            draft.step(draft.facts["SecondaryStatus"], f"This step is tried again after: {reason}")
        if count <= stumbles.LAST or self._goes_on(draft):
            return stumbles.pause(count)
        return self._end(draft, FAILED, reason) if forbidden else self._fail(draft, reason)

    def _goes_on(self, job: Resource) -> bool:
        """Say whether containers run that may still complete the job, whatever we fail at."""
        if job.status == STOPPING or not job.facts.get("Launched") or self._exceeded(job):
            return False
        states = self._cluster(job).states()
        return any(state is not None and state.phase is Phase.RUNNING for state in states)

    def _step(self, job: Resource) -> float | None:
        if "Outcome" in job.facts:
            return self._finish(job)
        cluster = self._cluster(job)
        if job.status == IN_PROGRESS and cluster.waits() and not self._exceeded(job):
            return self._wait_for_room(job)
        states = cluster.states() if _may_have_containers(job) else [None] * len(cluster.hosts)
        if not self.begun(job):
            return self._launch(job, cluster, fresh=not any(states))
        if ended(states):
            return self._record_outcome(job, cluster, states)
        if up(states):
            return self._accompany(job, cluster, states)
        if job.facts.get("Launched"):
            return self._miss(job)
        return self._launch(job, cluster, fresh=not any(states))

    def _cluster(self, job: Resource) -> Cluster:
        return Cluster(self.studio, job, self.hosts(job))

    def _miss(self, job: Resource) -> float | None:
        """Fail a job whose container is gone, unless it may be on an engine we do not see."""
        engine = self.studio.engine.name
        if job.facts["Engine"] == engine:
            return self._fail(job, GONE)
        log.warning("%s runs on %s, and this is %s", job.name, job.facts["Engine"], engine)
        return UNREACHABLE

    # Before the containers run

    def _launch(self, job: Resource, cluster: Cluster, *, fresh: bool) -> float | None:
        studio = self.studio
        track(studio, job)
        reached("job.launch.tracked")
        if job.status == STOPPING:
            return self._end(job, STOPPED)
        if exceeded := self._exceeded(job):
            return self._end(job, STOPPED, exceeded=exceeded)
        if not cluster.reserve():
            # One that was further when the studio was killed stays there: it may have containers.
            if job.facts["SecondaryStatus"] == "Starting":
                message = f"Waiting for room on this machine for {asked(cluster)}"
                self._enter(job, "Starting", message)
            return self._wait_for_room(job)
        reached("job.launch.reserved")
        if job.facts["SecondaryStatus"] == "Starting":
            self._enter(job, "Downloading", "Downloading input data")
        reached("job.launch.noted")
        try:
            if fresh:
                studio.engine.remove_tree(studio.settings.jobs / job.uid)
                reached("job.launch.cleared")
            self.start(job, cluster, fresh=fresh)
            reached("job.launch.started")
        except (InputError, ImageNotFound) as error:
            return self._end(job, FAILED, client_error(str(error)))
        except EngineError as error:
            if error.retryable:
                raise
            return self._fail(job, f"InternalServerError: {error.reason}")
        return SOON

    def _wait_for_room(self, job: Resource) -> float:
        left = (limit.left for limit in self.limits(job))
        return max(SOON, min([ROOM, *left]))

    # While they run

    def _accompany(
        self, job: Resource, cluster: Cluster, states: Sequence[ContainerState | None]
    ) -> float | None:
        job = self._enter(
            job,
            self.running,
            running_message(self.studio, cluster, self.running),
            lambda draft: note_start(draft, self.studio.engine.name, cluster.hosts, states),
        )
        reached("job.run.noted")
        cluster.restore()
        self._follow(job, cluster)
        job = self._note_input_problem(job)
        if INPUT_PROBLEM in job.facts:
            cluster.stop(0)
            return WAITING
        if (index := first_failure(states)) is not None:
            job = self._note_failure(job, cluster, states, index)
            cluster.stop(GRACE_OF_PEERS)
        if job.status != STOPPING and (exceeded := self._exceeded(job)):
            job = self._time_out(job, exceeded)
        if job.status == STOPPING:
            cluster.stop(GRACE)
            reached("job.run.stopped")
            return WAITING
        left = min(limit.left for limit in self.limits(job))
        again = [self.accompany(job), WAITING if fed(self.studio, job.uid) else None]
        return min([left, *(seconds for seconds in again if seconds is not None)])

    def _note_failure(
        self,
        job: Resource,
        cluster: Cluster,
        states: Sequence[ContainerState | None],
        index: int,
    ) -> Resource:
        """Record which host failed first: soon the others will have been ended by us."""
        state = states[index]
        if "Failure" in job.facts or state is None:
            return job
        with self.studio.store.edit(job.uid) as draft:
            draft.facts["Failure"] = failure_of(cluster.hosts[index], state)
        return draft

    def _note_input_problem(self, job: Resource) -> Resource:
        problem = None if INPUT_PROBLEM in job.facts else feed_problem(self.studio, job.uid)
        if problem is None:
            return job
        with self.studio.store.edit(job.uid) as draft:
            draft.facts[INPUT_PROBLEM] = problem
        return draft

    def _exceeded(self, job: Resource) -> str | None:
        """Return what a job that has taken too long has exceeded."""
        return next((limit.name for limit in self.limits(job) if limit.left <= 0), None)

    def _time_out(self, job: Resource, exceeded: str) -> Resource:
        with self.studio.store.edit(job.uid) as draft:
            draft.status = STOPPING
            draft.facts["Exceeded"] = exceeded
            draft.facts["SecondaryStatus"] = "Stopping"
            draft.step("Stopping", f"Stopping: {LAST_MESSAGES[exceeded]}")
        return draft

    def _follow(self, job: Resource, cluster: Cluster) -> bool:
        streams = job.facts["LogStreams"]
        return cluster.follow(self.log_group, streams, lambda stream: self.scan(job, stream))

    # After they ended

    def _record_outcome(
        self, job: Resource, cluster: Cluster, states: Sequence[ContainerState | None]
    ) -> float:
        if "LogStreams" not in job.facts:
            self._accompany(job, cluster, states)
            return 0.0
        cluster.release()
        if not self._follow(job, cluster):
            return SOON
        reached("job.end.followed")
        for stream in job.facts["LogStreams"]:
            self.scan(job, stream)
        reached("job.end.scanned")
        if (index := first_failure(states)) is not None:
            job = self._note_failure(job, cluster, states, index)
        job = self._note_input_problem(job)
        with self.studio.store.edit(job.uid) as draft:
            draft.facts["Outcome"] = STOPPED if draft.status == STOPPING else self._outcome(draft)
            note_end(draft, states)
            draft.facts["UploadingSince"] = moment()
            draft.facts["SecondaryStatus"] = "Uploading"
            draft.step("Uploading", f"Uploading what the {self.noun.lower()} left")
        reached("job.end.recorded")
        return 0.0

    def _outcome(self, job: Resource) -> str:
        return FAILED if {"Failure", INPUT_PROBLEM} & job.facts.keys() else COMPLETED

    def _finish(self, job: Resource) -> float | None:
        status = job.facts["Outcome"]
        if status == FAILED and INPUT_PROBLEM in job.facts:
            return self._fail(job, job.facts[INPUT_PROBLEM])
        if job.facts.get("Failure", {}).get("Interrupted") and self._may_retry(job):
            return self._fail(job, RESTARTED)
        try:
            for host in self.hosts(job):
                base = self.studio.run_folder(job, host.part)
                self.studio.engine.readable_tree(base / "opt/ml")
            reached("job.finish.readable")
            facts = self.publish(job, status)
            reached("job.finish.published")
        except ContentsLost as error:
            return self._fail(job, f"InternalServerError: {error.reason}")
        except S3_ERRORS as error:
            if not keep_results(self.studio, job, error):
                return self._end(job, FAILED, f"ClientError: Artifact upload failed: {error}")
            log.warning("Uploading the results of %s: %s; trying again", job.name, error)
            return UPLOAD_RETRY
        reason = self.failure(job) if status == FAILED else None
        return self._end(job, status, reason, facts)

    def _fail(self, job: Resource, reason: str) -> float | None:
        """End a job that failed through no fault of its own, or try it once more."""
        if not self._may_retry(job):
            return self._end(job, FAILED, reason)
        allowed = job.wish["RetryStrategy"]["MaximumRetryAttempts"]
        tried = job.facts.get("Retries", 0)
        try:
            self.rescue(job)
        except (*S3_ERRORS, OSError) as error:
            log.warning("Nothing is saved of the failed attempt of %s: %s", job.name, error)
        reached("job.retry.rescued")
        self._cluster(job).remove()
        stop_pipes(self.studio, job.uid)
        reached("job.retry.removed")
        self.leave(job)
        with self.studio.store.edit(job.uid) as draft:
            forget_attempt(draft)
            draft.facts["Retries"] = tried + 1
            draft.facts["SecondaryStatus"] = "Starting"
            draft.step("Starting", f"Retry {tried + 1} of {allowed} after: {reason}")
        reached("job.retry.recorded")
        return SOON

    def _may_retry(self, job: Resource) -> bool:
        allowed: int = job.wish.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        return job.facts.get("Retries", 0) < allowed and job.status != STOPPING

    def _end(
        self,
        job: Resource,
        status: str,
        reason: str | None = None,
        facts: Mapping[str, Any] | None = None,
        exceeded: str | None = None,
    ) -> float | None:
        with self.studio.store.edit(job.uid) as draft:
            draft.facts.update(facts or {})
            secondary = exceeded or draft.facts.get("Exceeded") or status
            draft.status = status
            # SageMaker knows no name for this one.
            shown = STOPPED if secondary == "MaxPendingTimeExceeded" else secondary
            draft.facts["SecondaryStatus"] = shown
            draft.facts.setdefault("EndedAt", now())
            if reason:
                draft.facts["FailureReason"] = reason[:1024]
            said = f"{self.noun} {LAST_MESSAGES[secondary]}"
            draft.step(shown, said + (f" {reason}" if reason else ""))
        reached("job.final.recorded")
        self._clean(draft)
        return None

    def _clean(self, job: Resource) -> None:
        """Remove containers and folders of a job that has ended. Safe to repeat."""
        self.leave(job)
        reached("job.final.left")
        self._cluster(job).remove()
        reached("job.final.removed")
        stop_pipes(self.studio, job.uid)
        reached("job.final.unfed")
        self.hand_over(job)
        self.studio.engine.remove_tree(self.studio.settings.jobs / job.uid)
        reached("job.final.cleared")

    def _enter(
        self,
        job: Resource,
        secondary: str,
        message: str,
        also: Callable[[Draft], Any] | None = None,
    ) -> Resource:
        """Record the step a job is in, unless the user has asked to stop it meanwhile."""
        with self.studio.store.edit(job.uid) as draft:
            if also is not None:
                also(draft)
            if draft.status == IN_PROGRESS:
                draft.facts["SecondaryStatus"] = secondary
                if job.facts["SecondaryStatus"] != secondary or secondary == "Starting":
                    draft.step(secondary, message)
        return draft


def _may_have_containers(job: Resource) -> bool:
    """Say whether to ask for the containers of a job; the next step is recorded before any."""
    return job.facts["SecondaryStatus"] != "Starting" or "WarmPool" in job.facts
