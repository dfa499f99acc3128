"""The channels of a training job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...compute.protocol import Folder, Overlay
from ...core.store import Resource
from ...core.studio import Studio
from ..hosts import hosts_of
from .file_systems import mount_file_system
from .pipes import Pipe, start_pipes
from .sources import S3Source
from .trees import contents, make_tree

DATA = "/opt/ml/input/data"


def prepare_channels(
    studio: Studio,
    job: Resource,
    channels: Sequence[Mapping[str, Any]],
    *,
    host: int = 1,
    hosts: int = 1,
) -> list[Folder | Overlay]:
    """Have the input of a host ready and return the mounts that show it to the container.

    Beside the folder of a channel lies ``CHANNEL-manifest``, which lists what is in it. In Pipe
    mode there are FIFOs ``CHANNEL_0``, ``CHANNEL_1`` ... in its place. Safe to repeat until the
    container runs.

    Parameters
    ----------
    host:
        Which of ``hosts`` this is, from 1 on.

    Raises
    ------
    InputError
        No object matches, a manifest is wrong, a key cannot be a path, or a file system is not
        there.
    """
    mode: str = job.wish["AlgorithmSpecification"]["TrainingInputMode"]
    given = list(_given(job, channels, host, hosts))
    piped = [item for item in given if input_mode(item.channel, mode) == "Pipe"]
    start_pipes(studio, job, [item.pipe() for item in piped], host=host)
    names = {channel["ChannelName"] for channel in channels}
    mounts: list[Folder | Overlay] = []
    for item in given:
        if item in piped:
            continue
        if "FileSystemDataSource" in item.channel["DataSource"]:
            mounts.append(mount_file_system(studio, job, item.channel, item.target))
            continue
        tree = make_tree(studio, job, item.source, item.target, host=item.host, hosts=item.hosts)
        mounts.append(tree)
        if f"{item.name}-manifest" not in names:
            data = studio.run_folder(job, str(host)) / DATA.lstrip("/")
            _publish(contents(tree), data / f"{item.name}-manifest")
    return mounts


def channels_of(channels: Sequence[Mapping[str, Any]], group: str) -> list[Mapping[str, Any]]:
    """Return the channels that hosts of an instance group get."""
    return [channel for channel in channels if group in (_groups(channel) or [group])]


def _given(
    job: Resource, channels: Sequence[Mapping[str, Any]], host: int, hosts: int
) -> Iterator[_Given]:
    for channel in channels:
        groups = _groups(channel)
        if not groups:
            yield _Given(channel, host, hosts)
            continue
        members = [
            one.number for one in hosts_of(job.wish["ResourceConfig"]) if one.group in groups
        ]
        if host in members:
            yield _Given(channel, members.index(host) + 1, len(members))


def _groups(channel: Mapping[str, Any]) -> list[str]:
    names: list[str] = channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames", [])
    return names


@dataclass(frozen=True, slots=True)
class _Given:
    """A channel, and which of the ``hosts`` that get it this is."""

    channel: Mapping[str, Any]
    host: int
    hosts: int

    @property
    def name(self) -> str:
        name: str = self.channel["ChannelName"]
        return name

    @property
    def target(self) -> str:
        return f"{DATA}/{self.name}"

    @property
    def source(self) -> S3Source:
        return S3Source.of_channel(self.channel)

    def pipe(self) -> Pipe:
        """Return the FIFOs of this channel in Pipe mode."""
        gzip = self.channel.get("CompressionType") == "Gzip"
        record_io = self.channel.get("RecordWrapperType") == "RecordIO"
        return Pipe(self.source, self.target, gzip, record_io, self.host, self.hosts)


def _publish(listing: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(listing, path)
    path.chmod(0o666)


def input_mode(channel: Mapping[str, Any], default: str) -> str:
    """Return ``File``, ``FastFile`` or ``Pipe``."""
    mode: str = channel.get("InputMode", default)
    return mode


def input_data_config(
    channels: Sequence[Mapping[str, Any]], default_mode: str
) -> dict[str, dict[str, str]]:
    """Return what a container finds as ``inputdataconfig.json``.

    Source: "How Amazon SageMaker Provides Training Information" in AWS's developer guide, by which
    FastFile mode is File mode to a container, and file systems count as fully replicated.
    """
    return {channel["ChannelName"]: _config(channel, default_mode) for channel in channels}


def _config(channel: Mapping[str, Any], default_mode: str) -> dict[str, str]:
    source = channel["DataSource"].get("S3DataSource", {})
    mode = input_mode(channel, default_mode)
    config = {
        "TrainingInputMode": "File" if mode == "FastFile" else mode,
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    for member in ("ContentType", "CompressionType"):
        if member in channel:
            config[member] = channel[member]
    return config
