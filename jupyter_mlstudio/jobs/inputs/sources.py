"""Which objects an S3 data source stands for, in which order, and which of them a host gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...core.store import Resource
from ...core.studio import Studio
from ...storage.reader import StoredObject
from ..s3uri import S3Uri
from . import manifests
from .errors import InputError, download_failed
from .order import order, shard

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class S3Source:
    """Objects of S3 that a job reads.

    ``data_type`` is ``S3Prefix``, ``ManifestFile`` or ``AugmentedManifestFile``. A ``sharded``
    source gives every host some of the objects, else each gets all. ``seed`` shuffles them.
    """

    uri: S3Uri
    data_type: str = "S3Prefix"
    sharded: bool = False
    seed: int | None = None
    attributes: tuple[str, ...] = ()

    @classmethod
    def of_channel(cls, channel: Mapping[str, Any]) -> S3Source:
        """Return the source of a ``Channel`` that has an ``S3DataSource``."""
        source = channel["DataSource"]["S3DataSource"]
        return cls(
            S3Uri.parse(source["S3Uri"], "s3Uri"),
            source["S3DataType"],
            source.get("S3DataDistributionType") == "ShardedByS3Key",
            channel.get("ShuffleConfig", {}).get("Seed"),
            tuple(source.get("AttributeNames", ())),
        )

    @classmethod
    def of_processing_input(cls, source: Mapping[str, Any]) -> S3Source:
        """Return the source of a ``ProcessingS3Input``."""
        return cls(
            S3Uri.parse(source["S3Uri"], "s3Uri"),
            source["S3DataType"],
            source.get("S3DataDistributionType") == "ShardedByS3Key",
        )


@dataclass(frozen=True, slots=True)
class InputObject:
    """An object of a source, and where it lies below the source's folder.

    ``path`` comes from a key and has not been checked.
    """

    path: str
    object: StoredObject


def resolve(studio: Studio, job: Resource, source: S3Source) -> list[InputObject]:
    """Return every object of an ``S3Prefix`` or a ``ManifestFile``, as ordered there.

    A prefix is ordered by key, as S3 orders keys. Markers of folders are left out.

    Raises
    ------
    InputError
        There is none, or the manifest cannot be read or names one that does not exist.
    """
    if source.data_type == "ManifestFile":
        prefix, keys = manifests.read_manifest(studio.objects, source.uri)
        found = manifests.find_all(studio.objects, source.uri, prefix.bucket, keys)
    else:
        prefix, found = source.uri, list(studio.objects.list(source.uri.bucket, source.uri.key))
    if not found:
        raise nothing_found(job, prefix)
    objects = (InputObject(relative_path(prefix.key, item.key), item) for item in found)
    return [item for item in objects if not _is_marker(item)]


def nothing_found(job: Resource, uri: S3Uri) -> InputError:
    """Return SageMaker's error for a prefix without objects."""
    return download_failed(
        f'No S3 objects found under S3 URL "{uri}" given '
        "in input data source. Please ensure that the bucket exists in the selected region "
        f"({job.region}), that objects exist under that S3 prefix, and that the role "
        f'"{job.wish["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{uri.bucket}".'
    )


def share(source: S3Source, items: Sequence[T], host: int, hosts: int) -> Iterator[T]:
    """Yield what a host gets of the objects of a source in File mode."""
    chosen: Sequence[int] = order(len(items), source.seed)
    for index in shard(chosen, host, hosts) if source.sharded else chosen:
        yield items[index]


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


def _is_marker(item: InputObject) -> bool:
    return not item.path or (item.path.endswith("/") and not item.object.size)
