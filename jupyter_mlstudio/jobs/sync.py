"""Folders of a container that are kept in S3 while it runs: checkpoints, TensorBoard, outputs."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

from .._failpoints import reached
from ..core.settings import write_atomically
from ..core.store import Resource
from ..core.studio import Studio
from ..storage.beneath import FileBeneath, files_beneath, open_beneath
from ..storage.trees import link_tree
from .files import as_text
from .inputs.errors import download_failed
from .inputs.sources import relative_path
from .patience import S3_ERRORS
from .s3uri import S3Uri

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between two looks at a running job's folders."""
_SETTLED_NS = 1_000_000_000
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Synced:
    """A folder of the container and where its files go. ``restored``: and where they come from."""

    local: str
    target: S3Uri
    restored: bool = False


class FolderSync:
    """Uploads what is new in the folders of jobs. Nothing is ever deleted from S3.

    A file that is still being written waits until it has been left alone for a second; the last
    look, when the job has ended, takes everything.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")
        self._busy: dict[str, threading.Lock] = {}
        self._looking: set[str] = set()
        self._lock = threading.Lock()

    def soon(self, job: Resource, parts: Sequence[str], folders: Sequence[Synced]) -> float | None:
        """Look at the folders of a running job in the background; return when to do so again.

        ``parts`` are the hosts' folders within the job. Most jobs never make most of these folders:
        where there is none, nothing else is looked at.
        """
        if not folders:
            return None
        found = any(self._exists(job, part, folder) for part in parts for folder in folders)
        if found and not self.busy(job):
            with self._lock:
                self._looking.add(job.uid)
            self._pool.submit(self._look, job, list(parts), list(folders))
        return PERIOD

    def busy(self, job: Resource) -> bool:
        """Say whether the folders of a job are being looked at in the background."""
        with self._lock:
            return job.uid in self._looking

    def finish(self, job: Resource, parts: Sequence[str], folders: Sequence[Synced]) -> None:
        """Upload what is left. Raises botocore's errors."""
        with self._of(job):
            for part in parts:
                for folder in folders:
                    self._upload(job, part, folder, final=True)

    def forget(self, job: Resource) -> None:
        """Drop what is known of a job that has ended."""
        with self._lock:
            self._busy.pop(job.uid, None)

    def restore(self, job: Resource, part: str, folders: Sequence[Synced]) -> None:
        """Put what S3 has into folders that come from there, before the container starts.

        Raises :class:`~jupyter_mlstudio.jobs.inputs.errors.InputError` for a key that cannot be a
        path.
        """
        for folder in folders:
            if folder.restored:
                self._restore(job, part, folder)

    def _restore(self, job: Resource, part: str, folder: Synced) -> None:
        base = self._studio.run_folder(job, part)
        place = base / folder.local.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        prefix = folder.target.key.rstrip("/") + "/" if folder.target.key else ""
        found = self._studio.objects.list(folder.target.bucket, prefix)
        linked = self._studio.settings.jobs / job.uid / f"restored-{part}"
        try:
            link_tree(((relative_path(prefix, item.key), item.path) for item in found), linked)
        except ValueError as error:
            raise download_failed(f"{folder.target}: {error}") from error
        for file in files_beneath(linked, ""):
            copy = place / file.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            with open_beneath(linked, file.path) as source, copy.open("wb") as target:
                while data := source.read(1 << 20):
                    target.write(data)
        self._studio.engine.remove_tree(linked)
        reached("sync.restored")
        kept = {f.path: _mark(f) for f in files_beneath(base, folder.local)}
        self._remember(job, part, folder, kept)

    def _exists(self, job: Resource, part: str, folder: Synced) -> bool:
        return os.path.lexists(self._studio.run_folder(job, part) / folder.local.lstrip("/"))

    def _look(self, job: Resource, parts: list[str], folders: list[Synced]) -> None:
        """Upload what can be uploaded now; the next look tries again what could not be."""
        try:
            with self._of(job):
                for part in parts:
                    for folder in folders:
                        self._try(job, part, folder)
        finally:
            with self._lock:
                self._looking.discard(job.uid)

    def _try(self, job: Resource, part: str, folder: Synced) -> None:
        try:
            self._upload(job, part, folder, final=False)
        except (*S3_ERRORS, OSError) as error:
            log.warning("%s of %s is not in S3 yet: %s", folder.local, job.name, error)
        except Exception:
            # Nobody else would hear of it: this is the last frame of a thread of its own.
            log.exception("%s of %s cannot be uploaded; trying again", folder.local, job.name)

    def _upload(self, job: Resource, part: str, folder: Synced, *, final: bool) -> None:
        base = self._studio.run_folder(job, part)
        if not base.is_dir():
            return
        known = self._known(job, part, folder)
        kept = dict(known)
        s3 = self._studio.s3(job.region)
        for file in files_beneath(base, folder.local):
            if known.get(file.path) == _mark(file):
                continue
            if not final and time_ns() - file.modified < _SETTLED_NS:
                continue
            key = folder.target.join(as_text(file.path)).key
            try:
                with open_beneath(base, f"{folder.local}/{file.path}") as body:
                    s3.upload_fileobj(body, folder.target.bucket, key)
            except (FileNotFoundError, PermissionError):
                # Gone meanwhile, or not ours to read until the container has ended.
                continue
            reached("sync.uploaded")
            kept[file.path] = _mark(file)
        if kept != known:
            self._remember(job, part, folder, kept)
            reached("sync.noted")

    def _of(self, job: Resource) -> threading.Lock:
        with self._lock:
            return self._busy.setdefault(job.uid, threading.Lock())

    def _known(self, job: Resource, part: str, folder: Synced) -> dict[str, list[int]]:
        path = self._record(job, part, folder)
        if not path.exists():
            return {}
        known: dict[str, list[int]] = json.loads(path.read_text())
        return known

    def _remember(
        self, job: Resource, part: str, folder: Synced, kept: dict[str, list[int]]
    ) -> None:
        write_atomically(self._record(job, part, folder), json.dumps(kept))

    def _record(self, job: Resource, part: str, folder: Synced) -> Path:
        name = folder.local.strip("/").replace("/", "%")
        return self._studio.settings.jobs / job.uid / "synced" / f"{part}-{name}.json"


def _mark(file: FileBeneath) -> list[int]:
    return [file.size, file.modified]
