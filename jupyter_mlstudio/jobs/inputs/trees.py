"""Objects shown to a container as a folder, without copying them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..._failpoints import reached
from ...compute.protocol import Overlay
from ...core.settings import write_atomically
from ...core.store import Resource
from ...core.studio import Studio
from ...storage.trees import link_tree
from ..s3uri import S3Uri
from .errors import download_failed
from .sources import InputObject, S3Source, resolve, share

T = TypeVar("T")
_ATTEMPTS = 5


def make_tree(
    studio: Studio, job: Resource, source: S3Source, target: str, *, host: int = 1, hosts: int = 1
) -> Overlay:
    """Have the objects of a source in a folder; return the mount that shows them at ``target``.

    Made once, however often called. The container gets a writable copy; hosts that get the same
    objects share them.

    Parameters
    ----------
    source:
        An ``S3Prefix`` or a ``ManifestFile``.
    target:
        An absolute path in the container that no other input of the job has.
    host:
        Which of ``hosts`` this is for, from 1 on.

    Raises
    ------
    InputError
        There is no object, the manifest is wrong, or a key cannot be a path below a folder.
    """
    slot = input_folder(studio, job, target)
    lower = slot / (f"host-{host}" if source.sharded else "all")
    if not lower.is_dir():
        steadily(source.uri, lambda: _link(studio, job, source, lower, host, hosts))
    scratch = studio.settings.jobs / job.uid / "scratch" / str(host) / slot.name
    return Overlay(lower, scratch, target)


def contents(tree: Overlay) -> Path:
    """Return the file that lists the objects of a tree, in the format of a ``ManifestFile``."""
    return tree.lower.with_name(f"{tree.lower.name}.manifest")


def input_folder(studio: Studio, job: Resource, target: str) -> Path:
    """Return the folder of all hosts for what lies at ``target`` in the container."""
    # What a user calls an input need not be a file name.
    name = hashlib.sha256(target.encode()).hexdigest()[:16]
    return studio.settings.jobs / job.uid / "inputs" / name


def steadily(uri: S3Uri, act: Callable[[], T]) -> T:
    """Act again when an object was overwritten between being found and being linked.

    What is there then counts. Raises InputError when that happens too often, or is forbidden.
    """
    for _ in range(_ATTEMPTS):
        try:
            return act()
        except FileNotFoundError as error:
            last = error
        except PermissionError as error:
            raise download_failed(str(error)) from error
    raise download_failed(f"{uri} changes faster than it can be read") from last


def _link(
    studio: Studio, job: Resource, source: S3Source, lower: Path, host: int, hosts: int
) -> None:
    objects = resolve(studio, job, source)
    mine = list(share(source, objects, host, hosts))
    lower.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        lower.with_name(f"{lower.name}.manifest"), json.dumps(_manifest(source, mine)), 0o644
    )
    reached("inputs.listed")
    try:
        link_tree(((item.path, item.object.path) for item in mine), lower)
        reached("inputs.linked")
    except ValueError as error:
        raise download_failed(f"{source.uri}: {error}") from error


def _manifest(source: S3Source, objects: Sequence[InputObject]) -> list[object]:
    """List objects relative to the folder of the source's URI."""
    first = objects[0] if objects else None
    folder = first.object.key[: len(first.object.key) - len(first.path)] if first else ""
    bucket = source.uri.bucket
    return [{"prefix": f"s3://{bucket}/{folder}"}, *(item.path for item in objects)]
