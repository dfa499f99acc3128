"""Model data as folders: unpacked or linked once per version of the object, shared read-only."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..core.studio import Studio
from ..jobs.inputs.sources import relative_path
from ..jobs.s3uri import S3Uri
from ..storage.reader import StoredObject
from ..storage.trees import UnsafeArchive, link_tree, safe_extract

_GUARD = threading.Lock()
_growing: list[object] = []
"""One entry for each thread that makes a folder."""


class ModelDataError(Exception):
    """Model data cannot be had; the text is a failure reason for the user."""


def fetch(studio: Studio, data: Mapping[str, str], container: str) -> Path:
    """Return the folder of some model data (see ``containers.model_data``), making it first.

    Raises
    ------
    ModelDataError
        It is not there, or is no archive that may be unpacked.
    """
    uri = S3Uri.parse(data["Uri"], "modelDataUrl")
    try:
        objects = list(_objects(studio, uri, data["Form"]))
    except PermissionError as error:
        raise ModelDataError(f"Model data at {uri} cannot be read: {error}") from error
    if not objects:
        raise ModelDataError(f"Could not find model data at {uri}.")
    try:
        with _using():
            folder = _folder(studio, uri, data["Form"], objects)
            if data["Form"] == "Archive":
                return safe_extract(objects[0].path, folder)
            return link_tree(_relative(uri, objects), folder)
    except (UnsafeArchive, ValueError) as error:
        raise ModelDataError(
            f'Failed to extract model data archive for container "{container}" from URL '
            f'"{uri}". Please ensure that the object located at the URL is a valid tar.gz '
            f"archive: {error}"
        ) from error


def keep_only(studio: Studio, wanted: Callable[[], Iterable[Mapping[str, str]] | None]) -> bool:
    """Delete the folders of all model data but what ``wanted()`` returns; for None, nothing.

    Nobody is given a folder meanwhile, so what is planned after ``wanted`` looked is safe. Returns
    False, and does nothing, while a folder is being made.
    """
    with _GUARD:
        if _growing:
            return False
        found = wanted()
        if found is None:
            return True
        kept = {_owner(S3Uri.parse(data["Uri"], "modelDataUrl"), data["Form"]) for data in found}
        root = _root(studio)
        for entry in root.iterdir() if root.is_dir() else ():
            if entry.name not in kept:
                shutil.rmtree(entry)
        return True


@contextmanager
def _using() -> Iterator[None]:
    token = object()
    with _GUARD:
        _growing.append(token)
    try:
        yield
    finally:
        with _GUARD:
            _growing.remove(token)


def _objects(studio: Studio, uri: S3Uri, form: str) -> Iterator[StoredObject]:
    if form == "Prefix":
        yield from studio.objects.list(uri.bucket, uri.key)
    elif found := studio.objects.get(uri.bucket, uri.key):
        yield found


def _relative(uri: S3Uri, objects: Iterable[StoredObject]) -> Iterator[tuple[str, Path]]:
    for item in objects:
        if path := relative_path(uri.key, item.key):
            yield path, item.path


def _root(studio: Studio) -> Path:
    return studio.settings.root / "models"


def _owner(uri: S3Uri, form: str) -> str:
    return hashlib.sha256(f"{form} {uri}".encode()).hexdigest()[:24]


def _folder(studio: Studio, uri: S3Uri, form: str, objects: list[StoredObject]) -> Path:
    version = "\n".join(f"{item.key} {item.etag} {item.size}" for item in objects)
    digest = hashlib.sha256(version.encode()).hexdigest()[:24]
    folder = _root(studio) / _owner(uri, form)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / digest
