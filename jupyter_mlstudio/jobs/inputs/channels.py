"""The channels of a training job."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...compute.protocol import Overlay
from ...core.store import Resource
from ...core.studio import Studio
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
) -> list[Overlay]:
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
        No object matches, a manifest is wrong, or a key cannot be a path.
    """
    data = studio.run_folder(job, str(host)) / DATA.lstrip("/")
    names = {channel["ChannelName"] for channel in channels}
    mounts = []
    mode: str = job.wish["AlgorithmSpecification"]["TrainingInputMode"]
    piped = [channel for channel in channels if input_mode(channel, mode) == "Pipe"]
    pipes = [Pipe.of_channel(channel, DATA) for channel in piped]
    start_pipes(studio, job, pipes, host=host, hosts=hosts)
    for channel in channels:
        if channel in piped:
            continue
        name = channel["ChannelName"]
        source = S3Source.of_channel(channel)
        tree = make_tree(studio, job, source, f"{DATA}/{name}", host=host, hosts=hosts)
        mounts.append(tree)
        if f"{name}-manifest" not in names:
            _publish(contents(tree), data / f"{name}-manifest")
    return mounts


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
