"""Training scripts on their way into jobs: packed as the SageMaker SDK does for script mode."""

from __future__ import annotations

import asyncio
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ...wire.errors import validation_error
from ..connection import StudioConnection
from .sending import LocalFile, files_below, join, send

Document = dict[str, Any]

ARCHIVE = "sourcedir.tar.gz"
MOST_BYTES = 256 << 20
"""What source code may have; data belongs into channels."""
LEFT_OUT = {"__pycache__", "node_modules"}


async def send_source(
    studio: StudioConnection, script: Path, *, folder: bool, bucket: str, prefix: str
) -> Document:
    """Pack a script, with ``folder`` all that lies beside and below it, and send it to S3.

    Returns ``program`` and ``directory``, for the hyperparameters ``sagemaker_program`` and
    ``sagemaker_submit_directory``, and the number of ``files``.

    Raises
    ------
    AWSError
        There is no such script, or its folder is too big.
    """
    if not await asyncio.to_thread(script.is_file):
        raise validation_error(f"There is no file {script.name}.")
    key = join(prefix, ARCHIVE)
    descriptor, name = tempfile.mkstemp(suffix=".tar.gz")
    os.close(descriptor)
    archive = Path(name)
    try:
        files = await asyncio.to_thread(_pack, archive, script, folder)
        await send(studio, archive, bucket, key)
    finally:
        archive.unlink()
    return {"program": script.name, "directory": f"s3://{bucket}/{key}", "files": files}


def _pack(archive: Path, script: Path, folder: bool) -> int:
    files = _files(script) if folder else [LocalFile(script, script.name)]
    total = sum(file.path.stat().st_size for file in files)
    if total > MOST_BYTES:
        raise validation_error(
            f"{script.parent.name} holds {total >> 20} MiB, more than the {MOST_BYTES >> 20} MiB "
            "that source code may have. Put data into channels."
        )
    with tarfile.open(archive, "w:gz") as tar:
        for file in files:
            # The script may be a link; nothing else is one.
            tar.add(file.path.resolve(), file.name, recursive=False)
    return len(files)


def _files(script: Path) -> list[LocalFile]:
    """Return what lies beside and below a script, but for what is hidden or made by tools."""
    beside = files_below(script.parent, _is_left_out)
    found = [LocalFile(file.path, file.name.partition("/")[2]) for file in beside]
    others = [file for file in found if file.name != script.name]
    return [LocalFile(script, script.name), *others]


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in LEFT_OUT
