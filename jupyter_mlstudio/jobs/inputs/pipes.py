"""Pipe mode: data that flows into a container through FIFOs, fed by a process per host.

The studio decides what is sent, and links the objects, so that nothing that happens to them later
matters. Everything else is the business of :mod:`.feeder`.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ..._failpoints import reached
from ...core import runfile
from ...core.settings import write_atomically
from ...core.store import Resource
from ...core.studio import Studio
from ...storage.reader import StoredObject
from ...storage.trees import link_tree
from ..s3uri import S3Uri
from . import feeder, manifests
from .errors import InputError
from .sources import S3Source, nothing_found, resolve
from .trees import input_folder, steadily

_START_TIMEOUT = 30.0
_KILL_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Pipe:
    """A source that flows through the FIFOs ``target_0``, ``target_1`` ... in the container.

    With ``record_io`` every object, and every value of an augmented manifest, is a RecordIO record.
    """

    source: S3Source
    target: str
    gzip: bool = False
    record_io: bool = False
    host: int = 1
    """Which of the ``hosts`` that have this source reads here, from 1 on."""
    hosts: int = 1


def start_pipes(studio: Studio, job: Resource, pipes: Sequence[Pipe], *, host: int = 1) -> None:
    """Have the FIFOs of a host, and a process that feeds them. Safe to repeat until it runs.

    The parent folders of the targets must be part of the host's run folder and be mounted.

    Raises
    ------
    InputError
        There is no object, a manifest is wrong, or FIFOs do not reach into containers here.
    """
    if not pipes:
        return
    if not studio.engine.shares_fifos():
        names = ", ".join(pipe.target for pipe in pipes)
        raise InputError(
            f"ClientError: Pipe mode ({names}) needs a container engine on this machine that sees "
            "the studio's files: use File mode instead."
        )
    folder = _folder(studio, job.uid, host)
    if _feeder(folder) is not None:
        return
    root = studio.run_folder(job, str(host))
    channels = [_plan(studio, job, pipe, root) for pipe in pipes]
    reached("pipes.linked")
    folder.mkdir(parents=True, exist_ok=True)
    plan = folder / feeder.PLAN
    write_atomically(plan, json.dumps(channels))
    reached("pipes.planned")
    _spawn(folder, plan)
    reached("pipes.fed")


def fed(studio: Studio, uid: str) -> bool:
    """Say whether a job has input that flows."""
    return _feeders(studio, uid).is_dir()


def feed_problem(studio: Studio, uid: str) -> str | None:
    """Return why what the containers of a job read is not all there is; None while it flows.

    To be asked before the end of a container counts: when a feeder is gone, what looked like the
    end of the data may not have been it.
    """
    folders = sorted(_feeders(studio, uid).iterdir()) if fed(studio, uid) else []
    for folder in folders:
        with suppress(FileNotFoundError):
            return (folder / feeder.PROBLEM).read_text()
        if _feeder(folder) is None:
            return (
                "InternalServerError: The process that feeds the Pipe mode channels of "
                f"algo-{folder.name} was killed while the job ran, so the container may have seen "
                "only part of the data. Start the job again."
            )
    return None


def stop_pipes(studio: Studio, uid: str) -> None:
    """End the feeders of a job. Safe to repeat."""
    for folder in _feeders(studio, uid).glob("*"):
        if (process := _feeder(folder)) is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                process.wait(_KILL_TIMEOUT)


def _feeders(studio: Studio, uid: str) -> Path:
    return studio.settings.jobs / uid / "feeders"


def _folder(studio: Studio, uid: str, host: int) -> Path:
    return _feeders(studio, uid) / str(host)


def _feeder(folder: Path) -> psutil.Process | None:
    found = runfile.read(folder / feeder.RUN)
    return runfile.process_of(found, str(folder / feeder.PLAN)) if found else None


def _spawn(folder: Path, plan: Path) -> None:
    """Start the process, which detaches itself, and wait until its FIFOs are there."""
    (folder / feeder.RUN).unlink(missing_ok=True)
    log = folder / "log"
    deadline = time.monotonic() + _START_TIMEOUT
    with log.open("ab") as output, suppress(subprocess.SubprocessError):
        subprocess.run(
            [sys.executable, "-m", feeder.__name__, "--plan", str(plan)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_START_TIMEOUT,
            check=True,
        )
        while time.monotonic() < deadline:
            if _feeder(folder) is not None:
                return
            time.sleep(0.01)
    words = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise OSError(f"The process that feeds Pipe mode channels did not start: {words[-1]}")


def _plan(studio: Studio, job: Resource, pipe: Pipe, root: Path) -> dict[str, Any]:
    objects = input_folder(studio, job, pipe.target) / "objects"
    if not objects.is_dir():
        steadily(pipe.source.uri, lambda: _link(studio, job, pipe.source, objects))
    target = root / pipe.target.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return {
        "folder": str(target.parent),
        "name": target.name,
        "objects": str(objects),
        "entries": str(_entries(objects)),
        "names": str(_names(objects)),
        "gzip": pipe.gzip,
        "record_io": pipe.record_io,
        "seed": pipe.source.seed,
        "share": [pipe.host, pipe.hosts] if pipe.source.sharded else [1, 1],
    }


def _link(studio: Studio, job: Resource, source: S3Source, objects: Path) -> None:
    """Link every object under a number, and write down what is sent; the folder comes last."""
    if source.data_type == "AugmentedManifestFile":
        entries, found = _augmented(studio, job, source)
    else:
        items = [item.object for item in resolve(studio, job, source)]
        bucket = source.uri.bucket
        entries = [[number] for number in range(len(items))]
        found = [(f"s3://{bucket}/{item.key}", item) for item in items]
    objects.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    write_atomically(_entries(objects), lines)
    write_atomically(_names(objects), json.dumps([name for name, _ in found]))
    link_tree(((str(number), item.path) for number, (_, item) in enumerate(found)), objects)


def _augmented(
    studio: Studio, job: Resource, source: S3Source
) -> tuple[list[list[int | str]], list[tuple[str, StoredObject]]]:
    lines = list(manifests.read_augmented(studio.objects, source.uri, source.attributes))
    if not lines:
        raise nothing_found(job, source.uri)
    # Each object is linked once, however often it is named.
    parts = itertools.chain.from_iterable(lines)
    uris = list(dict.fromkeys(part.uri for part in parts if isinstance(part, manifests.Reference)))
    found: dict[S3Uri, StoredObject] = {}
    for bucket in {uri.bucket for uri in uris}:
        mine = [uri for uri in uris if uri.bucket == bucket]
        keys = [uri.key for uri in mine]
        items = manifests.find_all(studio.objects, source.uri, bucket, keys)
        found.update(zip(mine, items, strict=True))
    numbers = {uri: number for number, uri in enumerate(uris)}
    entries: list[list[int | str]] = [
        [part if isinstance(part, str) else numbers[part.uri] for part in line] for line in lines
    ]
    return entries, [(str(uri), found[uri]) for uri in uris]


def _entries(objects: Path) -> Path:
    return objects.with_name("entries")


def _names(objects: Path) -> Path:
    return objects.with_name("names")
