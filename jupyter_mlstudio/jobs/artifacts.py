"""What a job leaves behind: its model and output, published to S3."""

from __future__ import annotations

import enum
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._failpoints import reached
from ..core.store import Resource
from ..core.studio import Studio
from ..storage.trees import merge_trees, tar_gz
from .files import as_text
from .s3uri import S3Uri


class Model(enum.Enum):
    """When the model of a job is published."""

    ALWAYS = "of a completed job, even an empty one"
    IF_ANY = "of a stopped job, if it saved one"
    NEVER = "of a failed job"


def publish(studio: Studio, job: Resource, bases: Sequence[Path], model: Model) -> str | None:
    """Upload what a job wrote; return the URI of its model, None when none is published.

    ``bases`` are the host folders that stand for ``/`` in the containers. What several hosts wrote
    is put together; of files with the same name, that of the first host counts.
    """
    config: Mapping[str, Any] = job.wish["OutputDataConfig"]
    target = S3Uri.parse(config["S3OutputPath"], "s3OutputPath").join(job.name, "output")
    plain = config.get("CompressionType", "GZIP") == "NONE"
    output = _together(studio, job, bases, "opt/ml/output/data")
    if _has_content(output):
        _upload(studio, job, output, target, "output", plain=plain)
    folder = _together(studio, job, bases, "opt/ml/model")
    if model is Model.ALWAYS or (model is Model.IF_ANY and _has_content(folder)):
        return _upload(studio, job, folder, target, "model", plain=plain)
    return None


def _together(studio: Studio, job: Resource, bases: Sequence[Path], name: str) -> Path:
    """Return one folder with what all hosts have in theirs."""
    folders = [base / name for base in bases]
    if len(folders) == 1:
        return folders[0]
    merged = studio.settings.jobs / job.uid / "merged" / name
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    merge_trees([folder for folder in folders if _has_content(folder)], merged)
    reached("artifacts.merged")
    return merged


def _has_content(folder: Path) -> bool:
    # A container may have put a link to somewhere else in place of its folder.
    return folder.is_dir() and not folder.is_symlink() and any(folder.iterdir())


def _upload(
    studio: Studio, job: Resource, folder: Path, target: S3Uri, name: str, *, plain: bool
) -> str:
    s3 = studio.s3(job.region)
    if plain:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                key = target.join(name, as_text(path.relative_to(folder))).key
                s3.upload_file(str(path), target.bucket, key)
        return f"{target.join(name)}/"
    archive = studio.settings.jobs / job.uid / f"{name}.tar.gz"
    if not archive.exists():  # an upload that failed is tried again, maybe often
        tar_gz(folder, archive)
    reached("artifacts.packed")
    uri = target.join(f"{name}.tar.gz")
    s3.upload_file(str(archive), uri.bucket, uri.key)
    reached("artifacts.uploaded")
    archive.unlink()
    return str(uri)
