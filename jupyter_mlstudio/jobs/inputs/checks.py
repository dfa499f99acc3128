"""What CreateTrainingJob refuses of channels beyond the constraints in the service model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...wire.errors import AWSError, validation_error
from ..s3uri import S3Uri
from .channels import input_mode

_SOURCES = ("S3DataSource", "FileSystemDataSource", "DatasetSource")


def check_channels(
    channels: Sequence[Mapping[str, Any]], default_mode: str, groups: Collection[str]
) -> None:
    """Refuse channels that could never be read.

    ``groups`` are the names of the job's instance groups.

    Raises
    ------
    AWSError
        ``ValidationException`` for what AWS's reference of ``Channel`` and ``DataSource`` rules
        out, ``UnsupportedOperation`` naming what the studio cannot do.
    """
    seen: set[str] = set()
    for number, channel in enumerate(channels, 1):
        name = channel["ChannelName"]
        if name in (".", ".."):
            raise validation_error(
                f"1 validation error detected: Value '{name}' at "
                f"'inputDataConfig.{number}.member.channelName' failed to satisfy constraint: "
                "Member must be a name, not a path"
            )
        if name in seen:
            raise validation_error(f"Duplicate channel name: {name}")
        seen.add(name)
        _check_source(channel, number, input_mode(channel, default_mode))
        _check_groups(channel, groups)
    for channel in channels:
        if input_mode(channel, default_mode) == "Pipe":
            _check_fifos(channel["ChannelName"], seen)


def _check_groups(channel: Mapping[str, Any], groups: Collection[str]) -> None:
    for group in channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames", []):
        if group not in groups:
            raise validation_error(
                f"Channel {channel['ChannelName']}: InstanceGroupNames names {group}, and "
                "ResourceConfig.InstanceGroups has no group of that name."
            )


def _check_fifos(name: str, names: Collection[str]) -> None:
    for other in names:
        if re.fullmatch(rf"{re.escape(name)}_[0-9]+", other):
            raise validation_error(
                f"Channel {other} has a name that Pipe mode gives a FIFO of channel {name}. "
                "Rename one of them."
            )


def _check_source(channel: Mapping[str, Any], number: int, mode: str) -> None:
    data, name = channel["DataSource"], channel["ChannelName"]
    kinds = [
        kind for kind in ("S3DataSource", "FileSystemDataSource", "DatasetSource") if kind in data
    ]
    if len(kinds) != 1:
        raise validation_error(
            f"Channel {name}: DataSource must have exactly one of S3DataSource and "
            "FileSystemDataSource."
        )
    if mode != "Pipe":
        for member in ("CompressionType", "RecordWrapperType"):
            if channel.get(member, "None") != "None":
                raise validation_error(
                    f"Channel {name}: {member} {channel[member]} needs InputMode Pipe, and is "
                    f"{mode}. Leave it unset or set it to None."
                )
    if kinds == ["S3DataSource"]:
        _check_s3(name, data["S3DataSource"], number, mode)
    elif kinds == ["FileSystemDataSource"]:
        _check_file_system(channel, mode)
    else:
        raise unsupported(f"{kinds[0]} (channel {name})")


def _check_file_system(channel: Mapping[str, Any], mode: str) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["FileSystemDataSource"]
    if mode != "File":
        raise validation_error(
            f"Channel {name}: a FileSystemDataSource needs InputMode File, not {mode}."
        )
    if "ShuffleConfig" in channel:
        raise validation_error(f"Channel {name}: ShuffleConfig needs an S3DataSource.")
    path = source["DirectoryPath"]
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise validation_error(
            f"Channel {name}: the DirectoryPath {path!r} is not a full path in the file system."
        )


def _check_s3(name: str, source: Mapping[str, Any], number: int, mode: str) -> None:
    S3Uri.parse(source["S3Uri"], f"inputDataConfig.{number}.member.dataSource.s3DataSource.s3Uri")
    kind = source["S3DataType"]
    if "HubAccessConfig" in source:
        raise unsupported(f"S3DataSource.HubAccessConfig (channel {name})")
    if kind == "Converse":
        raise unsupported(f"S3DataType {kind} (channel {name})")
    if mode == "FastFile" and kind != "S3Prefix":
        raise validation_error(
            f"Channel {name}: InputMode FastFile needs S3DataType S3Prefix, not {kind}."
        )
    if kind == "AugmentedManifestFile":
        if mode != "Pipe":
            raise validation_error(
                f"Channel {name}: S3DataType AugmentedManifestFile needs InputMode Pipe, and "
                f"is {mode}."
            )
        if not source.get("AttributeNames"):
            raise validation_error(
                f"Channel {name}: S3DataType AugmentedManifestFile needs AttributeNames."
            )
    elif source.get("AttributeNames"):
        raise validation_error(
            f"Channel {name}: AttributeNames needs S3DataType AugmentedManifestFile, not {kind}."
        )


def unsupported(what: str) -> AWSError:
    """Return the error that names what a training job cannot have here."""
    return AWSError(
        "UnsupportedOperation", f"CreateTrainingJob: this studio does not support {what} yet."
    )
