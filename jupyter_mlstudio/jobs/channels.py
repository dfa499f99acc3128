"""Input channels: objects of the store, shown to a container as folders without copying them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..compute.protocol import Overlay
from ..core.store import Resource
from ..core.studio import Studio
from ..storage.reader import StoredObject
from ..storage.trees import link_tree
from .s3uri import S3Uri

_ATTEMPTS = 5


class ChannelError(Exception):
    """A channel cannot be made; the text is a failure reason for the user."""


def prepare_channels(
    studio: Studio, job: Resource, channels: Sequence[Mapping[str, Any]]
) -> list[Overlay]:
    """Make the folder of every channel, unless it is there from an attempt before.

    Raises
    ------
    ChannelError
        No object matches, or one has a key that cannot be a path.
    """
    folder = studio.settings.jobs / job.uid
    overlays = []
    for channel in channels:
        name = channel["ChannelName"]
        uri = S3Uri.parse(channel["DataSource"]["S3DataSource"]["S3Uri"], "s3Uri")
        lower = folder / "channels" / name
        if not lower.is_dir():
            _link(studio, job, uri, lower)
        scratch = folder / "scratch" / name
        overlays.append(Overlay(lower, scratch, f"/opt/ml/input/data/{name}"))
    return overlays


def _link(studio: Studio, job: Resource, uri: S3Uri, lower: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            _link_once(studio, job, uri, lower)
        except FileNotFoundError as error:
            # Overwritten between listing and linking: what is there now counts.
            if attempt == _ATTEMPTS - 1:
                reason = f"{uri} changes faster than it can be read"
                raise ChannelError(f"ClientError: Data download failed: {reason}") from error
        else:
            return


def _link_once(studio: Studio, job: Resource, uri: S3Uri, lower: Path) -> None:
    found = list(studio.objects.list(uri.bucket, uri.key))
    if not found:
        raise ChannelError(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given '
            "in input data source. Please ensure that the bucket exists in the selected region "
            f"({job.region}), that objects exist under that S3 prefix, and that the role "
            f'"{job.wish["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{uri.bucket}".'
        )
    try:
        link_tree(_relative(uri.key, found), lower)
    except ValueError as error:
        raise ChannelError(f"ClientError: Data download failed: {uri}: {error}") from error


def _relative(prefix: str, objects: Sequence[StoredObject]) -> Iterator[tuple[str, Path]]:
    for item in objects:
        if path := relative_path(prefix, item.key):
            yield path, item.path


def relative_path(prefix: str, key: str) -> str:
    """Return where an object lies in the folder of its channel.

    A prefix that names the object or a folder is removed; of one that ends within a name, the
    folder is. The marker object of the folder itself gives an empty path.
    """
    if key == prefix and not prefix.endswith("/"):
        return key.rpartition("/")[2]
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if not key.startswith(folder):
        folder = prefix[: prefix.rfind("/") + 1]
    return key[len(folder) :]
