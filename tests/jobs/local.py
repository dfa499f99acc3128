"""A studio without processes, with objects and jobs that are only rows: for unit tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.status import IN_PROGRESS
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from jupyter_mlstudio.storage.catalog import Details
from jupyter_mlstudio.storage.objects import ObjectStore
from tests.core.fake_engine import FakeEngine
from tests.postgres import chosen

BUCKET = "data"


@contextmanager
def local_studio(
    root: Path, objects: Mapping[str, bytes], **settings_of_its_own: Any
) -> Iterator[Studio]:
    """Give a studio whose bucket ``data`` holds some objects."""
    settings = load_settings(root, **{**chosen(), **settings_of_its_own})
    studio = Studio(settings, FakeEngine())
    store = ObjectStore(settings.objects)
    if BUCKET not in [bucket.name for bucket in store.buckets()]:
        store.create_bucket(BUCKET, settings.region)
    for key, data in objects.items():
        body = store.files.new()
        body.write(data)
        store.put(BUCKET, key, body, "etag", Details())
    store.close()
    try:
        yield studio
    finally:
        studio.close()


def job_row(studio: Studio, name: str = "job", **wish: Any) -> Resource:
    """Return a training job that nobody reconciles."""
    return studio.store.create(
        TRAINING_JOB,
        studio.settings.account,
        studio.settings.region,
        name,
        wish={
            "RoleArn": studio.settings.role_arn,
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            **wish,
        },
        status=IN_PROGRESS,
        facts={},
        step=("Starting", "Starting"),
    )


def s3_channel(
    name: str, key: str, *, kind: str = "S3Prefix", sharded: bool = False, **more: Any
) -> dict[str, Any]:
    """Return a channel of the bucket ``data``; ``AttributeNames`` goes to its source."""
    source = {
        "S3DataType": kind,
        "S3Uri": f"s3://{BUCKET}/{key}",
        "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
    }
    if "AttributeNames" in more:
        source["AttributeNames"] = more.pop("AttributeNames")
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def file_system_channel(
    name: str, file_system: str, path: str, mode: str = "ro", **more: Any
) -> dict[str, Any]:
    """Return a channel of a directory of a file system."""
    source = {
        "FileSystemId": file_system,
        "FileSystemAccessMode": mode,
        "FileSystemType": "EFS",
        "DirectoryPath": path,
    }
    return {"ChannelName": name, "DataSource": {"FileSystemDataSource": source}, **more}


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
