"""Put, get, head, copy and delete."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .. import checksums, names
from ..bodies import FileRange, Received
from ..catalog import Details, Entry
from ..checksums import Digests
from ..decisions import Conditions
from ..lifecycle import expiration
from .app import (
    S3,
    Request,
    Response,
    cause,
    checksum,
    described,
    encryption,
    invalid,
    metadata,
    moment,
    parse_tags,
    shown_version,
)
from .conditions import check_read, wanted

_MAX_DELETED = 1000
_STEP = 1 << 20


def admit_put(call: Call[S3], request: Request) -> None:
    """Refuse what cannot succeed before the body is taken."""
    names.check_key(request["Key"])
    described(request)
    present = call.app.store.find(request["Bucket"], request["Key"])
    conditions(request).check(present)


@operation("s3", "PutObject")
def put_object(call: Call[S3], request: Request) -> Response:
    """Store the body as an object."""
    received: Received = request["Body"]
    with received as body:
        body.finish()
        details = described(request)
        algorithm = body.claims.algorithm
        if algorithm is not None:
            details = with_checksum(details, algorithm, body.checksum(algorithm))
        bucket, key = request["Bucket"], request["Key"]
        entry = call.app.store.put(
            bucket,
            key,
            body.take(),
            body.etag,
            details,
            conditions(request),
            cause(call, "ObjectCreated", "Put"),
        )
    return {
        "ETag": f'"{entry.etag}"',
        "VersionId": entry.version if entry.number else None,
        "Expiration": expiration(call.app.store.reading, bucket, entry),
        **checksum(details),
        **encryption(details),
    }


@operation("s3", "GetObject")
def get_object(call: Call[S3], request: Request) -> Response:
    """Return the body of an object, or a range of it."""
    entry = call.app.store.get(request["Bucket"], request["Key"], request.get("VersionId"))
    answer = _read(call.app, request, entry)
    part = wanted(request, entry)
    offset, length = (part.offset, part.length) if part else (0, entry.size)
    answer["Body"] = FileRange(call.app.store.path(entry), offset, length)
    return answer


@operation("s3", "HeadObject")
def head_object(call: Call[S3], request: Request) -> Response:
    """Return what GetObject says beside the body."""
    entry = call.app.store.get(request["Bucket"], request["Key"], request.get("VersionId"))
    return _read(call.app, request, entry)


@operation("s3", "CopyObject")
def copy_object(call: Call[S3], request: Request) -> Response:
    """Make an object of the bytes of another."""
    store = call.app.store
    source, target = copy_source(request["CopySource"]), (request["Bucket"], request["Key"])
    replaced = request.get("MetadataDirective", "COPY") == "REPLACE"
    changing = ("StorageClass", "ServerSideEncryption", "ChecksumAlgorithm")
    itself = source == (*target, None)
    if itself and not replaced and not any(map(request.get, changing)):
        raise AWSError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without"
            " changing the object's metadata, storage class, website redirect location or"
            " encryption attributes.",
            status=400,
        )

    present = source_entry(call.app, source)
    check_read(request, present, "CopySource")
    details = _copied(call.app, request, present, replaced=replaced)
    entry = store.copy(
        present, target, details, conditions(request), cause(call, "ObjectCreated", "Copy")
    )
    return {
        "CopyObjectResult": {
            "ETag": f'"{entry.etag}"',
            "LastModified": moment(entry.modified),
            **checksum(entry.details),
        },
        "Expiration": expiration(store.reading, target[0], entry),
        "CopySourceVersionId": shown_version(call.app, source[0], present),
        "VersionId": entry.version if entry.number else None,
        **encryption(entry.details),
    }


@operation("s3", "DeleteObject")
def delete_object(call: Call[S3], request: Request) -> Response:
    """Delete an object or a version of it; there need not be one."""
    removed = call.app.store.delete(
        request["Bucket"],
        request["Key"],
        request.get("VersionId"),
        Conditions(if_match=request.get("IfMatch")),
        cause(call, "ObjectRemoved", "Delete"),
    )
    return {"VersionId": removed.version, "DeleteMarker": removed.marker or None}


@operation("s3", "DeleteObjects")
def delete_objects(call: Call[S3], request: Request) -> Response:
    """Delete up to 1000 objects or versions, each for itself."""
    store = call.app.store
    store.bucket(request["Bucket"])
    wishes = request["Delete"]["Objects"]
    if not 1 <= len(wishes) <= _MAX_DELETED:
        raise AWSError(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published"
            " schema",
            status=400,
        )
    outcomes = store.delete_many(
        request["Bucket"],
        [
            (wish["Key"], wish.get("VersionId"), Conditions(if_match=wish.get("ETag")))
            for wish in wishes
        ],
        cause(call, "ObjectRemoved", "Delete"),
    )
    deleted, errors = [], []
    for wish, outcome in zip(wishes, outcomes, strict=True):
        named = {name: wish[name] for name in ("Key", "VersionId") if wish.get(name)}
        if isinstance(outcome, AWSError):
            errors.append({**named, "Code": outcome.code, "Message": outcome.message})
        elif outcome.marker:
            marker = {"DeleteMarker": True, "DeleteMarkerVersionId": outcome.version}
            deleted.append({**named, **marker})
        else:
            deleted.append(named)
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def conditions(request: Request) -> Conditions:
    """Return the conditions of a write."""
    none_match = request.get("IfNoneMatch")
    if none_match not in (None, "*"):
        raise AWSError(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented:"
            " If-None-Match other than *",
            status=501,
        )
    return Conditions(request.get("IfMatch"), none_match)


def copy_source(text: str) -> tuple[str, str, str | None]:
    """Read ``x-amz-copy-source`` into bucket, key and version."""
    path, _, query = text.partition("?")
    version = query.removeprefix("versionId=") or None
    if query and not query.startswith("versionId="):
        raise invalid("Invalid copy source query string", ArgumentName="x-amz-copy-source")
    try:
        bucket, slash, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise invalid("Copy Source must be encoded as UTF-8") from None
    if not (bucket and slash and key):
        raise invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    names.check_key(key)
    return bucket, key, version


def source_entry(app: S3, source: tuple[str, str, str | None]) -> Entry:
    """Return what a copy is made of, or raise what S3 does."""
    try:
        return app.store.get(*source)
    except AWSError as error:
        if error.code != "MethodNotAllowed":
            raise
        raise AWSError(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by"
            " version id.",
            status=400,
        ) from None


def with_checksum(details: Details, algorithm: str, value: str) -> Details:
    """Return details with a checksum of the whole object."""
    return replace(details, algorithm=algorithm, checksum=value, checksum_type="FULL_OBJECT")


def _read(app: S3, request: Request, entry: Entry) -> Response:
    check_read(request, entry)
    answer = metadata(entry)
    answer["VersionId"] = shown_version(app, request["Bucket"], entry)
    if entry.latest:
        answer["Expiration"] = expiration(app.store.reading, request["Bucket"], entry)
    for name, value in request.items():
        if name.startswith("Response") and value:
            answer[name.removeprefix("Response")] = value
    part = wanted(request, entry)
    answer["ContentLength"] = part.length if part else entry.size
    if part is not None:
        answer["ContentRange"] = part.header
        answer["PartsCount"] = len(entry.details.parts) or None
    elif request.get("ChecksumMode") == "ENABLED":
        answer.update(checksum(entry.details))
    return answer


def _copied(app: S3, request: Request, source: Entry, *, replaced: bool) -> Details:
    """Return what a copy is said to be."""
    details = source.details
    if replaced:
        said = described(request)
        details = replace(details, headers=said.headers, metadata=said.metadata)
    if request.get("TaggingDirective") == "REPLACE":
        details = replace(details, tags=parse_tags(request.get("Tagging")))
    wish = request.get("ChecksumAlgorithm")
    if wish and (wish, "FULL_OBJECT") != (details.algorithm, details.checksum_type):
        return with_checksum(details, wish, _digest(app, source, wish))
    return details


def _digest(app: S3, entry: Entry, algorithm: str) -> str:
    digests = Digests([checksums.check_algorithm(algorithm)])
    with app.store.path(entry).open("rb") as file:
        while data := file.read(_STEP):
            digests.update(data)
    return digests.text(algorithm)
