"""Bring a training job from its wish to its end.

Where a job stands is derived: from its container as the engine shows it, and from what has been
recorded once for all (``Launched``, ``Outcome``). Every step may be repeated after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...compute.protocol import (
    ContainerState,
    ContentsLost,
    EngineError,
    ImageNotFound,
    Phase,
)
from ...core.clock import now
from ...core.controllers import controller
from ...core.store import Draft, Resource
from ...core.studio import Studio
from ...experiments.components import track
from ..artifacts import Model, publish
from ..inputs.channels import prepare_channels
from ..inputs.errors import InputError
from ..s3uri import S3Uri
from .contract import container_spec, prepare_folders
from .failure import exit_reason
from .kind import COMPLETED, FAILED, FINAL, IN_PROGRESS, LOG_GROUP, STOPPED, STOPPING
from .metrics import scan

log = logging.getLogger(__name__)

GRACE = 120
SOON = 0.1
WAITING = 1.0
UNREACHABLE = 2.0
UPLOAD_RETRY = 5.0
UPLOAD_PATIENCE = 1800.0
LAST_STUMBLE = 5


@controller("TrainingJob")
class TrainingController:
    """Reconciles training jobs."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def reconcile(self, uid: str) -> float | None:
        """Take the next step of a job."""
        job = self.studio.store.by_uid(uid)
        if job is None or job.status in FINAL:
            self._clean(uid)
            return None
        try:
            return self._step(job)
        except EngineError as error:
            if not error.retryable:
                raise
            log.warning("Training job %s waits for the container engine: %s", job.name, error)
            return UNREACHABLE
        except (OSError, ValueError) as error:
            return self._stumble(job, error)

    def _stumble(self, job: Resource, error: Exception) -> float | None:
        """Try a step again that failed on this machine (a full disk), and give up at last."""
        log.warning("Training job %s: %s; trying again", job.name, error, exc_info=error)
        with self.studio.store.edit(job.uid) as draft:
            count = draft.facts["Stumbles"] = draft.facts.get("Stumbles", 0) + 1
        if count > LAST_STUMBLE:
            return self._end(job, FAILED, f"InternalServerError: {error}")
        return float(2**count)

    def _step(self, job: Resource) -> float | None:
        if "Outcome" in job.facts:
            return self._finish(job)
        state = self.studio.engine.inspect(self.studio.container_name(job))
        if state is None or state.phase is Phase.CREATED:
            if state is None and job.facts.get("Launched"):
                return self._miss(job)
            return self._launch(job, fresh=state is None)
        if state.phase is Phase.RUNNING:
            return self._accompany(job, state)
        return self._record_outcome(job, state)

    def _miss(self, job: Resource) -> float | None:
        """Fail a job whose container is gone, unless it may be on an engine we do not see."""
        engine = self.studio.engine.name
        if job.facts["Engine"] == engine:
            return self._end(job, FAILED, _GONE)
        log.warning("Job %s runs on %s, and this is %s", job.name, job.facts["Engine"], engine)
        return UNREACHABLE

    # Before the container runs

    def _launch(self, job: Resource, *, fresh: bool) -> float | None:
        studio = self.studio
        track(studio, job)
        if job.status == STOPPING:
            return self._end(job, STOPPED)
        name = studio.container_name(job)
        instance = job.wish["ResourceConfig"]["InstanceType"]
        limits = studio.admission.limits(instance)
        if not studio.admission.reserve(name, limits):
            message = f"Waiting for room on this machine for one {instance}"
            self._enter(job, "Starting", message)
            return WAITING
        self._enter(job, "Downloading", "Downloading input data")
        base = studio.run_folder(job)
        try:
            self._check_output(job)
            if fresh:
                studio.engine.remove_tree(studio.settings.jobs / job.uid)
                prepare_folders(base, job)
            channels = prepare_channels(studio, job, job.wish.get("InputDataConfig", []))
            spec = container_spec(studio, job, base, channels, limits)
            if not studio.engine.image_exists(spec.image):
                self._enter(job, "DownloadingTrainingImage", f"Pulling {spec.image}")
                studio.engine.ensure_image(spec.image)
            studio.engine.start(spec)
        except (InputError, ImageNotFound) as error:
            return self._end(job, FAILED, _client_error(str(error)))
        except EngineError as error:
            if error.retryable:
                raise
            return self._end(job, FAILED, f"InternalServerError: {error.reason}")
        return SOON

    def _check_output(self, job: Resource) -> None:
        bucket = S3Uri.parse(job.wish["OutputDataConfig"]["S3OutputPath"], "s3OutputPath").bucket
        if not self.studio.objects.bucket_exists(bucket):
            raise InputError(
                f"ClientError: The bucket {bucket} of OutputDataConfig.S3OutputPath does not exist."
            )

    # While it runs

    def _accompany(self, job: Resource, state: ContainerState) -> float | None:
        started = state.started_at or now()
        stream = f"{job.name}/algo-1-{int(started)}"

        def launched(draft: Draft) -> None:
            draft.facts["Launched"] = True
            draft.facts["Engine"] = self.studio.engine.name
            draft.facts.setdefault("StartedAt", started)
            draft.facts.setdefault("LogStream", stream)

        job = self._enter(
            job,
            "Training",
            self._training_message(job),
            launched,
        )
        self.studio.admission.restore(
            state.name, self.studio.admission.limits(job.wish["ResourceConfig"]["InstanceType"])
        )
        self._follow(job)
        left = self._deadline(job) - now()
        if left <= 0 and job.status != STOPPING:
            job = self._time_out(job)
        if job.status == STOPPING:
            self.studio.engine.stop(state.name, GRACE)
            return WAITING
        return left

    def _training_message(self, job: Resource) -> str:
        """Say that the job runs, and what is different here from SageMaker."""
        instance = job.wish["ResourceConfig"]["InstanceType"]
        notes = [self.studio.engine.note, self.studio.admission.note(instance)]
        first = "Training image download completed. Training in progress."
        return " ".join([first, *(note for note in notes if note)])

    def _deadline(self, job: Resource) -> float:
        limit = job.wish["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        return float(job.facts["StartedAt"] + limit)

    def _time_out(self, job: Resource) -> Resource:
        with self.studio.store.edit(job.uid) as draft:
            draft.status = STOPPING
            draft.facts["TimedOut"] = True
            draft.facts["SecondaryStatus"] = "Stopping"
            draft.step("Stopping", "Stopping: the job ran for MaxRuntimeInSeconds")
        return draft

    def _follow(self, job: Resource) -> bool:
        stream = job.facts["LogStream"]
        return self.studio.collector.follow(
            self.studio.container_name(job),
            self.studio.logs(job),
            LOG_GROUP,
            stream,
            lambda: scan(self.studio, job, stream),
        )

    # After it ended

    def _record_outcome(self, job: Resource, state: ContainerState) -> float:
        if "LogStream" not in job.facts:
            self._accompany(job, state)
            return SOON
        self.studio.admission.release(state.name)
        if not self._follow(job):
            return SOON
        scan(self.studio, job, job.facts["LogStream"])
        with self.studio.store.edit(job.uid) as draft:
            draft.facts["Outcome"] = {
                "ExitCode": state.exit_code,
                "OutOfMemory": state.oom_killed,
                "Error": state.error,
                "Stopped": draft.status == STOPPING,
            }
            draft.facts["EndedAt"] = state.finished_at or now()
            draft.facts["UploadingSince"] = now()
            draft.facts["SecondaryStatus"] = "Uploading"
            draft.step("Uploading", "Uploading generated training model")
        return SOON

    def _finish(self, job: Resource) -> float | None:
        outcome = job.facts["Outcome"]
        status = _status(outcome)
        base = self.studio.run_folder(job)
        try:
            self.studio.engine.readable_tree(base / "opt/ml")
            uri = publish(self.studio, job, base, _PUBLISHED[status])
        except ContentsLost as error:
            return self._end(job, FAILED, f"InternalServerError: {error.reason}")
        except (BotoCoreError, ClientError) as error:
            if now() - job.facts["UploadingSince"] > UPLOAD_PATIENCE:
                return self._end(job, FAILED, f"ClientError: Artifact upload failed: {error}")
            log.warning("Uploading the artifacts of %s: %s; trying again", job.name, error)
            return UPLOAD_RETRY
        reason = exit_reason(self.studio, job, base) if status == FAILED else None
        return self._end(job, status, reason, uri)

    def _end(
        self, job: Resource, status: str, reason: str | None = None, model: str | None = None
    ) -> float | None:
        with self.studio.store.edit(job.uid) as draft:
            secondary = "MaxRuntimeExceeded" if draft.facts.get("TimedOut") else status
            draft.status = status
            draft.facts["SecondaryStatus"] = secondary
            draft.facts.setdefault("EndedAt", now())
            if model:
                draft.facts["ModelArtifacts"] = model
            if reason:
                draft.facts["FailureReason"] = reason[:1024]
            draft.step(secondary, _LAST_MESSAGES[secondary] + (f" {reason}" if reason else ""))
        self._clean(job.uid)
        return None

    def _clean(self, uid: str) -> None:
        """Remove container and folders of a job that has ended. Safe to repeat."""
        name = f"mls-{self.studio.settings.studio_id}-{uid}-1"
        self.studio.engine.remove(name)
        self.studio.collector.forget(name)
        self.studio.admission.release(name)
        self.studio.engine.remove_tree(self.studio.settings.jobs / uid)

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


_GONE = (
    "InternalServerError: The container of the job is gone: it was removed, or the container "
    "runtime or the machine was restarted. Start the job again."
)

_LAST_MESSAGES = {
    COMPLETED: "Training job completed",
    FAILED: "Training job failed.",
    STOPPED: "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


_PUBLISHED = {COMPLETED: Model.ALWAYS, STOPPED: Model.IF_ANY, FAILED: Model.NEVER}


def _status(outcome: Mapping[str, Any]) -> str:
    """Return what a job is whose container has ended."""
    if outcome["Stopped"]:
        return STOPPED
    return COMPLETED if outcome["ExitCode"] == 0 else FAILED


def _client_error(text: str) -> str:
    return text if text.startswith("ClientError") else f"ClientError: {text}"
