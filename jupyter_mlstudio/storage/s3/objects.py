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
from ..objects import Conditions
from .app import (
    S3,
    Request,
    Response,
    checksum,
    described,
    encryption,
    invalid,
    metadata,
    moment,
    parse_tags,
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
            bucket, key, body.take(), body.etag, details, conditions(request)
        )
    return {"ETag": f'"{entry.etag}"', **checksum(details), **encryption(details)}


@operation("s3", "GetObject")
def get_object(call: Call[S3], request: Request) -> Response:
    """Return the body of an object, or a range of it."""
    entry = call.app.store.get(request["Bucket"], request["Key"])
    answer = _read(request, entry)
    part = wanted(request, entry)
    offset, length = (part.offset, part.length) if part else (0, entry.size)
    answer["Body"] = FileRange(call.app.store.path(entry), offset, length)
    return answer


@operation("s3", "HeadObject")
def head_object(call: Call[S3], request: Request) -> Response:
    """Return what GetObject says beside the body."""
    return _read(request, call.app.store.get(request["Bucket"], request["Key"]))


@operation("s3", "CopyObject")
def copy_object(call: Call[S3], request: Request) -> Response:
    """Make an object of the bytes of another."""
    store = call.app.store
    source, target = copy_source(request["CopySource"]), (request["Bucket"], request["Key"])
    replaced = request.get("MetadataDirective", "COPY") == "REPLACE"
    changing = ("StorageClass", "ServerSideEncryption", "ChecksumAlgorithm")
    if source == target and not replaced and not any(map(request.get, changing)):
        raise AWSError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without"
            " changing the object's metadata, storage class, website redirect location or"
            " encryption attributes.",
            status=400,
        )

    def details(present: Entry) -> Details:
        new = present.details
        if replaced:
            said = described(request)
            new = replace(new, headers=said.headers, metadata=said.metadata)
        if request.get("TaggingDirective") == "REPLACE":
            new = replace(new, tags=parse_tags(request.get("Tagging")))
        wish = request.get("ChecksumAlgorithm")
        if wish and (wish, "FULL_OBJECT") != (new.algorithm, new.checksum_type):
            return with_checksum(new, wish, _digest(call.app, present, wish))
        return new

    entry = store.copy(
        source,
        target,
        details=details,
        accept=lambda present: check_read(request, present, "CopySource"),
        conditions=conditions(request),
    )
    return {
        "CopyObjectResult": {
            "ETag": f'"{entry.etag}"',
            "LastModified": moment(entry.modified),
            **checksum(entry.details),
        },
        **encryption(entry.details),
    }


@operation("s3", "DeleteObject")
def delete_object(call: Call[S3], request: Request) -> Response:
    """Delete an object; there need not be one."""
    condition = Conditions(if_match=request.get("IfMatch"))
    call.app.store.delete(request["Bucket"], request["Key"], condition)
    return {}


@operation("s3", "DeleteObjects")
def delete_objects(call: Call[S3], request: Request) -> Response:
    """Delete up to 1000 objects, each for itself."""
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
    deleted, errors = [], []
    for wish, error in store.delete_many(
        request["Bucket"],
        [(wish["Key"], Conditions(if_match=wish.get("ETag"))) for wish in wishes],
    ):
        if error is None:
            deleted.append({"Key": wish})
        else:
            errors.append({"Key": wish, "Code": error.code, "Message": error.message})
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


def copy_source(text: str) -> tuple[str, str]:
    """Read ``x-amz-copy-source`` into bucket and key."""
    path, _, query = text.partition("?")
    if query not in ("", "versionId=null"):
        raise invalid("Invalid version id specified")
    try:
        bucket, slash, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise invalid("Copy Source must be encoded as UTF-8") from None
    if not (bucket and slash and key):
        raise invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    names.check_key(key)
    return bucket, key


def with_checksum(details: Details, algorithm: str, value: str) -> Details:
    """Return details with a checksum of the whole object."""
    return replace(details, algorithm=algorithm, checksum=value, checksum_type="FULL_OBJECT")


def _read(request: Request, entry: Entry) -> Response:
    check_read(request, entry)
    answer = metadata(entry)
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


def _digest(app: S3, entry: Entry, algorithm: str) -> str:
    digests = Digests([checksums.check_algorithm(algorithm)])
    with app.store.path(entry).open("rb") as file:
        while data := file.read(_STEP):
            digests.update(data)
    return digests.text(algorithm)
