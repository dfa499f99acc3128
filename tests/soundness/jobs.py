"""Jobs: their histories, models, logs and metrics."""

from __future__ import annotations

import gzip
import itertools
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import regex

from jupyter_mlstudio.core.logs import LogStore
from jupyter_mlstudio.core.settings import Settings
from jupyter_mlstudio.core.store import Resource, Transition
from jupyter_mlstudio.jobs.s3uri import S3Uri
from jupyter_mlstudio.jobs.status import COMPLETED, FAILED, FINAL, STOPPED
from jupyter_mlstudio.jobs.training.kind import LOG_GROUP
from jupyter_mlstudio.jobs.training.metrics import SWITCHED_OFF, definitions
from jupyter_mlstudio.storage.reader import ObjectReader

from .rows import JOBS, Rows

RUNNING = "(running)"
ENDS = {
    "Completed": COMPLETED,
    "Failed": FAILED,
    "Stopped": STOPPED,
    "MaxRuntimeExceeded": STOPPED,
    "MaxWaitTimeExceeded": STOPPED,
}
_EARLY = {"Stopping", *(ENDS.keys() - {"Completed"})}
NEXT = {
    "Starting": {"Downloading", *_EARLY},
    "Downloading": {"DownloadingTrainingImage", RUNNING, *_EARLY},
    "DownloadingTrainingImage": {RUNNING, *_EARLY},
    RUNNING: {"Uploading", *_EARLY},
    "Stopping": {"Uploading", *ENDS},
    "Uploading": {"Stopping", *ENDS},
}
"""The steps that may follow a step. A step may be repeated with another message."""

_RETRY = "Retry "
_GROUPS = (LOG_GROUP, "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/Endpoints")


def histories(settings: Settings, rows: Rows) -> Iterator[str]:
    """Every job has gone a way that there is, in the order of time, to one end at most."""
    for job in rows.of(*JOBS):
        for problem in _history(job, rows.history.get(job.uid, [])):
            yield f"{job.kind} {job.name}: {problem}"


def _history(job: Resource, steps: list[Transition]) -> Iterator[str]:
    if not steps:
        yield "it has no history"
        return
    names = [RUNNING if step.status == JOBS[job.kind] else step.status for step in steps]
    if names[0] != "Starting":
        yield f"its history begins with {names[0]}"
    for (name, step), (following, later) in itertools.pairwise(zip(names, steps, strict=True)):
        again = following == "Starting" and later.message.startswith(_RETRY)
        if name in ENDS or (
            following != name and following not in NEXT.get(name, ()) and not again
        ):
            yield f"its history goes from {name} to {following}"
        if not step.started <= (step.ended or 0) <= later.started:
            yield f"{name} lasts from {step.started} to {step.ended}, {later.started} follows"
    last = steps[-1]
    if last.ended is not None:
        yield f"its last step {last.status} has ended"
    if not job.created <= steps[0].started + 0.001 or not last.started <= job.modified + 0.001:
        yield "its history is not within its life"
    if (names[-1] in ENDS) != (job.status in FINAL) or ENDS.get(names[-1], job.status) != (
        job.status
    ):
        yield f"it is {job.status}, and its history ends with {names[-1]}"
    if job.facts["SecondaryStatus"] != last.status:
        yield f"it is {job.facts['SecondaryStatus']}, and its history ends with {last.status}"
    if (job.status == FAILED) != bool(job.facts.get("FailureReason")):
        yield f"it is {job.status}, and its reason is {job.facts.get('FailureReason')!r}"
    started, ended = job.facts.get("StartedAt"), job.facts.get("EndedAt")
    if started and ended and started > ended:
        yield f"it started at {started} and ended at {ended}"


def settled(settings: Settings, rows: Rows) -> Iterator[str]:
    """Every job has ended."""
    for job in rows.of(*JOBS):
        if job.status not in FINAL:
            yield f"{job.kind} {job.name} is still {job.status}"


def models(settings: Settings, rows: Rows) -> Iterator[str]:
    """A training job is *Completed* if and only if its model is in S3, whole."""
    if settings.s3_endpoint:
        return
    reader = ObjectReader(settings.objects)
    for job in rows.of("TrainingJob"):
        config = job.wish["OutputDataConfig"]
        if job.status not in FINAL or config.get("CompressionType") == "NONE":
            continue
        uri = S3Uri.parse(config["S3OutputPath"], "s3OutputPath")
        uri = uri.join(job.name, "output", "model.tar.gz")
        found = reader.get(uri.bucket, uri.key)
        said = job.facts.get("ModelArtifacts")
        if job.status == COMPLETED and (found is None or said != str(uri)):
            yield f"TrainingJob {job.name} is Completed: its model is {said}, and {found} in S3"
        if job.status == FAILED and (said or (found and found.modified.timestamp() > job.created)):
            yield f"TrainingJob {job.name} is Failed and has a model: {said}, {found}"
        if said and found and (problem := _archive_problem(found.path)):
            yield f"The model of {job.name} is not whole: {problem}"


def _archive_problem(path: Path) -> str | None:
    try:
        with gzip.open(path) as unpacked:
            while unpacked.read(1 << 20):
                pass
        with tarfile.open(path, "r:gz") as archive:
            archive.getmembers()
    except (OSError, EOFError, tarfile.TarError) as error:
        return repr(error)
    return None


def logs(settings: Settings, rows: Rows) -> Iterator[str]:
    """Every line of a container is in its log once, in the order of time, and whole."""
    for region in settings.root.glob("logs/*/*"):
        for group in region.iterdir():
            if not any(group.name.startswith(quote(name, safe="")) for name in _GROUPS):
                continue
            for path in group.glob("*/*"):
                yield from _log(path)


def _log(path: Path) -> Iterator[str]:
    before, same = -1, set()
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        stamp, space, _ = line.partition(b" ")
        if not (line.endswith(b"\n") and space and stamp.isdigit()):
            yield f"Line {number} of {path} is not whole: {line[:100]!r}"
            return
        moment = int(stamp)
        if moment < before:
            yield f"Line {number} of {path} is earlier than the one before"
        if moment != before:
            same.clear()
        if line in same:
            yield f"Line {number} of {path} is there twice: {line[:100]!r}"
        before = moment
        same.add(line)


def metrics(settings: Settings, rows: Rows) -> Iterator[str]:
    """What the log of an ended job says of its metrics was stored once."""
    for job in rows.of("TrainingJob"):
        streams = job.facts.get("LogStreams", [])
        patterns = [(d["Name"], regex.compile(d["Regex"])) for d in definitions(job.wish)]
        if not patterns or not streams or job.facts.get(SWITCHED_OFF) or job.facts.get("Retries"):
            continue
        store = LogStore(settings.logs(job.account, job.region))
        expected: Counter[tuple[str, float, float]] = Counter()
        for stream in streams:
            page = store.read(LOG_GROUP, stream, limit=10**9, max_bytes=1 << 40)
            if rows.cursors.get((job.uid, stream), 0) != page.next_offset:
                yield f"The log {stream} was not read to its end for metrics"
            for event in page.events:
                for name, pattern in patterns:
                    if (match := pattern.search(event.message)) and match.groups():
                        expected[(name, float(match[1]), event.time_ms / 1000)] += 1
        points = rows.points.get(job.arn, [])
        from_files = any(s.startswith("files/") for uid, s in rows.cursors if uid == job.uid)
        stored = Counter((point.name, point.value, point.time) for point in points)
        missing, more = expected - stored, stored - expected
        if missing or (more and not from_files):
            yield (
                f"Metrics of {job.name}: {sum(missing.values())} missing, {sum(more.values())} too "
                f"many, e.g. {list(itertools.islice(missing + more, 3))}"
            )
