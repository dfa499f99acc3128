"""Manifests: objects that list objects. Whoever wrote one may have meant no good.

Source: ``S3DataSource`` in AWS's API reference, and "Augmented Manifest Files" in AWS's developer
guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ...storage.reader import Objects, StoredObject
from ...wire.errors import AWSError
from ..s3uri import S3Uri
from .errors import InputError, download_failed

MAX_SIZE = 256 << 20
"""Bytes of a manifest that is read; it becomes several times as much in memory."""
_REFERENCE = "-ref"


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute of an augmented manifest whose value is the content of an object."""

    uri: S3Uri


def read_manifest(objects: Objects, uri: S3Uri) -> tuple[S3Uri, list[str]]:
    """Return the prefix of a ``ManifestFile`` and the keys it stands for, each once, in order.

    Raises
    ------
    InputError
        It is not there, too large, or no manifest; says which line or element is wrong.
    """
    text = _text(objects, uri)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(uri, f"line {error.lineno} is not JSON: {error.msg}") from error
    except ValueError as error:
        raise _wrong(uri, f"it cannot be read: {error}") from error
    except RecursionError as error:
        raise _wrong(uri, "it is nested too deeply") from error
    if not isinstance(document, list):
        raise _wrong(uri, "it is not a JSON array")
    first = document[0] if document else None
    if not isinstance(first, dict) or not isinstance(first.get("prefix"), str):
        raise _wrong(uri, 'its first element is not {"prefix": "s3://bucket/..."}')
    prefix = _uri(first["prefix"], uri, "its prefix")
    keys: dict[str, None] = {}
    for number, suffix in enumerate(document[1:], 2):
        if not isinstance(suffix, str) or not suffix or not _is_unicode(suffix):
            raise _wrong(uri, f"element {number} is not the rest of a key: {_shown(suffix)}")
        # The prefix of a whole bucket may lack its slash.
        whole = first["prefix"].endswith("/") or bool(prefix.key)
        keys[prefix.key + (suffix if whole else suffix.removeprefix("/"))] = None
    return prefix, list(keys)


def find_all(
    objects: Objects, manifest: S3Uri, bucket: str, keys: Sequence[str]
) -> list[StoredObject]:
    """Return the objects of these keys; raises InputError naming the first that does not exist."""
    found = []
    for key, item in zip(keys, objects.get_many(bucket, keys), strict=True):
        if item is None:
            reason = f"{_shown(f's3://{bucket}/{key}')}, which it names, does not exist"
            raise _wrong(manifest, reason)
        found.append(item)
    return found


def read_augmented(
    objects: Objects, uri: S3Uri, attributes: Sequence[str]
) -> Iterator[list[str | Reference]]:
    """Yield the values of the attributes in each line of an ``AugmentedManifestFile``.

    Text is given as it is, everything else as JSON. Raises InputError that names the line.
    """
    for number, line in enumerate(_text(objects, uri).split("\n"), 1):
        if line.strip():
            yield _values(line, uri, number, attributes)


def _values(line: str, uri: S3Uri, number: int, attributes: Sequence[str]) -> list[str | Reference]:
    try:
        document = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise _wrong(uri, f"line {number} is not JSON: {what}") from error
    if not isinstance(document, dict):
        raise _wrong(uri, f"line {number} is not a JSON object")
    values: list[str | Reference] = []
    for name in attributes:
        if name not in document:
            raise _wrong(uri, f"line {number} has no attribute {_shown(name)}")
        value = document[name]
        if name.endswith(_REFERENCE):
            what = f"attribute {_shown(name)} of line {number}"
            values.append(Reference(_uri(value, uri, what)))
        else:
            values.append(_literal(value, uri, number, name))
    return values


def _literal(value: Any, uri: S3Uri, number: int, name: str) -> str:  # noqa: ANN401 - any JSON
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not _is_unicode(text):
        reason = f"attribute {_shown(name)} of line {number} is not valid Unicode"
        raise _wrong(uri, reason)
    return text


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _text(objects: Objects, uri: S3Uri) -> str:
    item = objects.get(uri.bucket, uri.key)
    if item is None:
        raise download_failed(f"The manifest {uri} does not exist.")
    if item.size > MAX_SIZE:
        raise _wrong(uri, f"it has {item.size} bytes, and {MAX_SIZE} are read at most")
    data = item.path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _wrong(uri, f"line {line} is not UTF-8") from error


def _uri(value: object, manifest: S3Uri, what: str) -> S3Uri:
    try:
        if isinstance(value, str) and _is_unicode(value):
            return S3Uri.parse(value, what)
    except AWSError:
        pass
    raise _wrong(manifest, f"{what} is not an S3 URI: {_shown(value)}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


def _wrong(uri: S3Uri, what: str) -> InputError:
    return download_failed(f"The manifest {uri} cannot be used: {what}.")
