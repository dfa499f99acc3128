"""Files that every kind of job finds in its container."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..core.store import Resource


def write_json(path: Path, document: object) -> None:
    """Write a JSON document, making the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def write_metadata(base: Path, job: Resource) -> None:
    """Write where the SageMaker SDK looks for the role it runs as."""
    write_json(
        base / "opt/ml/metadata/resource-metadata.json",
        {"ExecutionRoleArn": job.wish["RoleArn"], "ResourceArn": job.arn},
    )


def open_to_any_user(folder: Path) -> None:
    """Let the user an image runs as, whoever it is, use what it was given.

    Others on this machine cannot come near: the studio's root is closed to them. What a container
    made is left as it is.
    """
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink() or path.stat().st_uid != os.getuid():
            continue
        path.chmod(0o777 if path.is_dir() else 0o666)


def as_text(path: Path | str) -> str:
    """Return a path as text; bytes in file names that are no UTF-8 are shown as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")
