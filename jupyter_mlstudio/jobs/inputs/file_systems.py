"""File systems as input: folders of this machine that its owner shares with jobs.

``file_systems`` in the studio's settings says which folder stands for which ``FileSystemId``; by
default there is none. A ``DirectoryPath`` is a path below that folder, and no part of it may be a
link: a container that may write to the file system could have put it there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...compute.protocol import Folder
from ...core.store import Resource
from ...core.studio import Studio
from .errors import InputError


def mount_file_system(
    studio: Studio, job: Resource, channel: Mapping[str, Any], target: str
) -> Folder:
    """Return the mount of a channel's ``FileSystemDataSource`` at ``target``.

    Raises
    ------
    InputError
        There is no such file system or folder, or a job that runs could replace the folder while
        it is being mounted.
    """
    source = channel["DataSource"]["FileSystemDataSource"]
    name, path = source["FileSystemId"], _parts(source)
    root = studio.settings.file_systems.get(name)
    if root is None:
        known = ", ".join(sorted(studio.settings.file_systems)) or "none"
        raise InputError(
            f"ClientError: The file system {name} does not exist. This studio has: {known}. Start "
            f"it with `jupyter mlstudio start --file-systems {name}=FOLDER` to share a folder."
        )
    folder = Path(root).resolve()
    _check_folder(folder, path, source)
    for other, theirs in _mounted_before(studio, job, name):
        if _may_replace(source, theirs) or _may_replace(theirs, source):
            raise InputError(
                f"ClientError: {source['DirectoryPath']} and {theirs['DirectoryPath']} of {name}, "
                f"which {other} has, lie in each other, and the outer one may be written to. Mount "
                "the same directory, mount the outer one with FileSystemAccessMode ro, or wait."
            )
    read_only = source["FileSystemAccessMode"] == "ro"
    return Folder(folder.joinpath(*path), target, read_only=read_only, shared=True)


def _parts(source: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(part for part in source["DirectoryPath"].split("/") if part not in ("", "."))


def _check_folder(root: Path, path: tuple[str, ...], source: Mapping[str, Any]) -> None:
    """Walk down without following links."""
    flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
    where = f"{source['DirectoryPath']!r} of {source['FileSystemId']}"
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(
            f"ClientError: The folder {root} that stands for {source['FileSystemId']} cannot be "
            f"used: {error.strerror}."
        ) from error
    try:
        for part in path:
            if part == ".." or "\0" in part:
                raise InputError(f"ClientError: The directory {where} leads out of it.")
            if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
                raise InputError(f"ClientError: The directory {where} leads over a link, {part!r}.")
            below = os.open(part, flags, dir_fd=here)
            os.close(here)
            here = below
    except OSError as error:
        raise InputError(f"ClientError: The directory {where}: {error.strerror}.") from error
    finally:
        os.close(here)


def _may_replace(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Say whether who mounts ``outer`` could put a link in place of the directory ``inner``."""
    above, path = _parts(outer), _parts(inner)
    within = len(above) < len(path) and path[: len(above)] == above
    return within and outer["FileSystemAccessMode"] == "rw"


def _mounted_before(
    studio: Studio, job: Resource, name: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what this job and older ones that have not ended mount of a file system."""
    for _, uid in studio.store.unsettled():
        other = studio.store.by_uid(uid)
        if other is None or (other.created, other.uid) > (job.created, job.uid):
            continue
        for channel in other.wish.get("InputDataConfig", []):
            source = channel["DataSource"].get("FileSystemDataSource")
            if source and source["FileSystemId"] == name:
                yield other.name, source
