"""Folders of a training container that S3 has while it runs.

Sources: ``CheckpointConfig``, ``TensorBoardOutputConfig``, ``DebugHookConfig`` and
``ProfilerConfig`` in AWS's API reference; intermediate output as AWS's ``sagemaker-training``
toolkit uploads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ...compute.protocol import Folder
from ...wire.errors import validation_error
from ..s3uri import S3Uri
from ..sync import Synced

CHECKPOINTS = "/opt/ml/checkpoints"
_SHOWN = ("/opt/ml/input", "/opt/ml/model", "/opt/ml/output")
"""What is mounted anyway."""
_RESERVED = (
    "/opt/ml/input",
    "/opt/ml/model",
    "/opt/ml/code",
    "/opt/ml/metadata",
    "/opt/ml/output/data",
    "/opt/ml/output/metrics",
    "/opt/ml/output/failure",
)
_DEBUGGER = {
    "TensorBoardOutputConfig": ("/opt/ml/output/tensorboard", "tensorboard-output"),
    "DebugHookConfig": ("/opt/ml/output/tensors", "debug-output"),
    "ProfilerConfig": ("/opt/ml/output/profiler", "profiler-output"),
}


def synced_folders(wish: Mapping[str, Any]) -> list[Synced]:
    """Return the folders of a job that are kept in S3."""
    output = _uri(wish, "OutputDataConfig", "S3OutputPath")
    own = output.join(wish["TrainingJobName"], "output", "intermediate")
    return [
        Synced("/opt/ml/output/intermediate", own),
        *(folder for _, folder in _configured(wish)),
    ]


def check_folders(wish: Mapping[str, Any]) -> None:
    """Refuse local paths that another part of the contract uses, or that are no paths.

    Raises ``ValidationException`` naming the member.
    """
    _uri(wish, "OutputDataConfig", "S3OutputPath")
    configured = _configured(wish)
    for number, (member, folder) in enumerate(configured):
        _check_local(folder.local, member)
        for other, earlier in configured[:number]:
            if _overlap(folder.local, earlier.local):
                raise validation_error(
                    f"{member}.LocalPath {folder.local} and {other}.LocalPath {earlier.local} "
                    "must lie apart."
                )


def mounts(wish: Mapping[str, Any], base: Path) -> list[Folder]:
    """Return mounts of the folders that lie in none that is mounted anyway."""
    return [
        Folder(base / folder.local.lstrip("/"), folder.local)
        for folder in synced_folders(wish)
        if not any(_within(folder.local, shown) for shown in _SHOWN)
    ]


def targets(wish: Mapping[str, Any]) -> Iterator[tuple[str, S3Uri]]:
    """Yield every place in S3 that a job writes to, after the member that names it."""
    yield "OutputDataConfig", _uri(wish, "OutputDataConfig", "S3OutputPath")
    for member, folder in _configured(wish):
        yield member, folder.target


def _configured(wish: Mapping[str, Any]) -> list[tuple[str, Synced]]:
    found = []
    if config := wish.get("CheckpointConfig"):
        folder = Synced(
            _local(config, CHECKPOINTS), _uri(wish, "CheckpointConfig", "S3Uri"), restored=True
        )
        found.append(("CheckpointConfig", folder))
    for member, (default, suffix) in _DEBUGGER.items():
        config = wish.get(member, {})
        if config.get("S3OutputPath") and not config.get("DisableProfiler"):
            target = _uri(wish, member, "S3OutputPath").join(wish["TrainingJobName"], suffix)
            found.append((member, Synced(_local(config, default), target)))
    return found


def _check_local(path: str, member: str) -> None:
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts or "\0" in path or len(pure.parts) < 2:
        raise validation_error(f"{member}.LocalPath must be an absolute path, and is {path!r}.")
    if pure in (PurePosixPath("/opt"), PurePosixPath("/opt/ml"), PurePosixPath("/opt/ml/output")):
        raise validation_error(f"{member}.LocalPath {path} holds other parts of the job.")
    if any(_overlap(path, reserved) for reserved in _RESERVED):
        raise validation_error(f"{member}.LocalPath {path} is used by another part of the job.")


def _overlap(one: str, other: str) -> bool:
    return _within(one, other) or _within(other, one)


def _within(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


def _local(config: Mapping[str, Any], default: str) -> str:
    return str(PurePosixPath(config.get("LocalPath") or default))


def _uri(wish: Mapping[str, Any], config: str, member: str) -> S3Uri:
    path = f"{config[0].lower()}{config[1:]}.s3{member[2:]}"
    return S3Uri.parse(wish[config][member], path)
