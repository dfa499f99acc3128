"""Multipart uploads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Call, operation

from .. import catalog, checksums, multipart
from ..bodies import Received
from ..catalog import Details, Entry, Part, Upload
from ..checksums import Digests
from ..lifecycle import expiration
from ..multipart import PartWish
from .app import (
    S3,
    Request,
    Response,
    cause,
    checksum,
    claimed_checksum,
    described,
    encryption,
    moment,
    shown_version,
)
from .conditions import check_read, copied_range
from .listing import limit
from .objects import conditions, copy_source, source_entry

_STEP = 1 << 20
_FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")


@operation("s3", "CreateMultipartUpload")
def create_multipart_upload(call: Call[S3], request: Request) -> Response:
    """Begin an upload."""
    details = described(request)
    answer: Response = {"Bucket": request["Bucket"], "Key": request["Key"]}
    algorithm = request.get("ChecksumAlgorithm")
    if algorithm is not None:
        kind = _checksum_type(checksums.check_algorithm(algorithm), request.get("ChecksumType"))
        details = replace(details, algorithm=algorithm, checksum_type=kind)
        answer |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    upload = multipart.start(call.app.store, request["Bucket"], request["Key"], details)
    return {**answer, "UploadId": upload.id, **encryption(details)}


def admit_part(call: Call[S3], request: Request) -> str | None:
    """Refuse what cannot succeed before the body is taken; return how parts are summed."""
    multipart.check_number(request["PartNumber"])
    return _upload(call, request).details.algorithm


@operation("s3", "UploadPart")
def upload_part(call: Call[S3], request: Request) -> Response:
    """Store the body as a part."""
    received: Received = request["Body"]
    with received as body:
        upload = _upload(call, request)
        algorithm = upload.details.algorithm
        claimed = body.claims.algorithm
        if claimed is not None and algorithm not in (None, claimed):
            raise AWSError(
                "InvalidRequest",
                "Checksum Type mismatch occurred, expected checksum Type:"
                f" {str(algorithm).lower()}, actual checksum Type: {claimed.lower()}",
                status=400,
            )
        body.finish()
        value = body.checksum(algorithm) if algorithm else None
        number, etag = request["PartNumber"], body.etag
        part = multipart.add_part(call.app.store, upload, number, body.take(), etag, value)
    return {"ETag": f'"{etag}"', **_part_checksum(upload, part), **encryption(upload.details)}


@operation("s3", "UploadPartCopy")
def upload_part_copy(call: Call[S3], request: Request) -> Response:
    """Store bytes of an object as a part."""
    store = call.app.store
    multipart.check_number(request["PartNumber"])
    upload = _upload(call, request)
    named = copy_source(request["CopySource"])
    source = source_entry(call.app, named)
    check_read(request, source, "CopySource")
    wanted = copied_range(request.get("CopySourceRange"), source)
    algorithm = upload.details.algorithm
    digests = Digests(name for name in ("MD5", algorithm) if name)
    body = store.files.new()
    try:
        with store.path(source).open("rb") as file:
            file.seek(wanted.offset)
            left = wanted.length
            while left and (data := file.read(min(left, _STEP))):
                digests.update(data)
                body.write(data)
                left -= len(data)
    except BaseException:
        body.discard()
        raise
    value = digests.text(algorithm) if algorithm else None
    etag = digests.raw("MD5").hex()
    part = multipart.add_part(store, upload, request["PartNumber"], body, etag, value)
    result = {"ETag": f'"{etag}"', "LastModified": moment(part.modified)}
    return {
        "CopyPartResult": {**result, **_part_checksum(upload, part)},
        "CopySourceVersionId": shown_version(call.app, named[0], source),
        **encryption(upload.details),
    }


@operation("s3", "CompleteMultipartUpload")
def complete_multipart_upload(call: Call[S3], request: Request) -> Response:
    """Make the object of its parts. Completing what is complete already is no error."""
    wishes = [_wish(part) for part in request.get("MultipartUpload", {}).get("Parts", ())]
    if not wishes:
        raise AWSError(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published"
            " schema",
            status=400,
        )
    try:
        entry = _completed(call, request, wishes)
    except AWSError as error:
        repeated = _same_object(call, request, wishes) if error.code == "NoSuchUpload" else None
        if repeated is None:
            raise
        entry = repeated
    return {
        "Location": f"/{request['Bucket']}/{request['Key']}",
        "Bucket": request["Bucket"],
        "Key": request["Key"],
        "ETag": f'"{entry.etag}"',
        "VersionId": entry.version if entry.number else None,
        "Expiration": expiration(call.app.store.reading, request["Bucket"], entry),
        **checksum(entry.details),
        **encryption(entry.details),
    }


@operation("s3", "AbortMultipartUpload")
def abort_multipart_upload(call: Call[S3], request: Request) -> Response:
    """Forget an upload and its parts."""
    multipart.abort(call.app.store, request["Bucket"], request["Key"], request["UploadId"])
    return {}


@operation("s3", "ListParts")
def list_parts(call: Call[S3], request: Request) -> Response:
    """List the parts that have come so far."""
    upload = _upload(call, request)
    after, most = request.get("PartNumberMarker", 0), limit(request, "MaxParts")
    parts = catalog.parts(call.app.store.reading, upload.id)
    parts = [part for part in parts if part.number > after]
    shown = parts[:most]
    answer: Response = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(parts) > len(shown),
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": moment(part.modified),
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **_part_checksum(upload, part),
            }
            for part in shown
        ],
        "Initiator": call.app.owner,
        "Owner": call.app.owner,
        "StorageClass": upload.details.headers.get("StorageClass", "STANDARD"),
    }
    return {**answer, **_kind(upload.details)}


@operation("s3", "ListMultipartUploads")
def list_multipart_uploads(call: Call[S3], request: Request) -> Response:
    """List the uploads that are under way, by key and then by id."""
    call.app.store.bucket(request["Bucket"])
    most = limit(request, "MaxUploads")
    marker = (request.get("KeyMarker", ""), request.get("UploadIdMarker", ""))
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    items: dict[tuple[str, str], Upload | None] = {}
    for upload in catalog.uploads(call.app.store.reading, request["Bucket"]):
        # Without an id marker the whole key of the marker is behind us.
        position = (upload.key, upload.id if marker[1] else "")
        if not upload.key.startswith(prefix) or position <= marker:
            continue
        head, found, _ = upload.key[len(prefix) :].partition(delimiter or "\0")
        common = prefix + head + found
        if found and common > marker[0]:
            items.setdefault((common, ""), None)
        elif not found:
            items[upload.key, upload.id] = upload
    shown = list(items.items())[:most]
    answer: Response = {
        "Bucket": request["Bucket"],
        "KeyMarker": marker[0],
        "UploadIdMarker": marker[1],
        "Prefix": prefix,
        "MaxUploads": most,
        "IsTruncated": len(items) > len(shown),
        "Uploads": [_listed(call.app, upload) for _, upload in shown if upload],
        "CommonPrefixes": [{"Prefix": key} for (key, _), upload in shown if not upload],
    }
    if answer["IsTruncated"] and shown:
        answer["NextKeyMarker"], answer["NextUploadIdMarker"] = shown[-1][0]
    for name in ("Delimiter", "EncodingType"):
        if request.get(name):
            answer[name] = request[name]
    return answer


def _upload(call: Call[S3], request: Request) -> Upload:
    return multipart.find(call.app.store, request["Bucket"], request["Key"], request["UploadId"])


def _checksum_type(algorithm: str, wish: str | None) -> str:
    default = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    kind = wish or default
    if (kind == "FULL_OBJECT" and algorithm not in _FULL_OBJECT) or (
        kind == "COMPOSITE" and algorithm == "CRC64NVME"
    ):
        raise AWSError(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum"
            " algorithm.",
            status=400,
        )
    return kind


def _wish(part: Request) -> PartWish:
    claimed = claimed_checksum(part)
    number, etag = part.get("PartNumber"), part.get("ETag")
    if number is None or etag is None:
        raise AWSError("MalformedXML", "A Part needs a PartNumber and an ETag", status=400)
    multipart.check_number(number)
    return PartWish(number, etag, claimed[1] if claimed else None)


def _completed(call: Call[S3], request: Request, wishes: list[PartWish]) -> Entry:
    upload = _upload(call, request)
    kind = request.get("ChecksumType")
    if kind is not None and kind != upload.details.checksum_type:
        raise AWSError(
            "InvalidRequest",
            "The upload was created using the"
            f" {upload.details.checksum_type} checksum mode. The complete request must include the"
            " same checksum mode.",
            status=400,
        )
    claimed = claimed_checksum(request)
    if claimed is not None and claimed[0] != upload.details.algorithm:
        raise AWSError("BadDigest", f"The upload has no {claimed[0].lower()} checksum", status=400)
    size = request.get("MpuObjectSize")
    if size is not None:
        numbers = {wish.number for wish in wishes}
        parts = catalog.parts(call.app.store.reading, upload.id)
        actual = sum(part.size for part in parts if part.number in numbers)
        if int(size) != actual:
            message = (
                f"The provided 'x-amz-mp-object-size' header value {size} does not match what was"
                f" computed: {actual}"
            )
            raise AWSError("InvalidRequest", message, status=400)
    return multipart.complete(
        call.app.store,
        upload,
        wishes,
        claimed[1] if claimed else None,
        conditions(request),
        cause(call, "ObjectCreated", "CompleteMultipartUpload"),
    )


def _same_object(call: Call[S3], request: Request, wishes: list[PartWish]) -> Entry | None:
    """Return the object if it is what these parts make: the client asks a second time."""
    try:
        etag = checksums.composite_etag(wish.etag.strip('"') for wish in wishes)
    except ValueError:
        return None
    entry = call.app.store.find(request["Bucket"], request["Key"])
    return entry if entry and entry.etag == etag else None


def _part_checksum(upload: Upload, part: Part) -> dict[str, Any]:
    if upload.details.algorithm is None or part.checksum is None:
        return {}
    return {f"Checksum{upload.details.algorithm}": part.checksum}


def _kind(details: Details) -> dict[str, Any]:
    if details.algorithm is None:
        return {}
    return {"ChecksumAlgorithm": details.algorithm, "ChecksumType": details.checksum_type}


def _listed(app: S3, upload: Upload) -> Response:
    return {
        "Key": upload.key,
        "UploadId": upload.id,
        "Initiated": moment(upload.created),
        "Initiator": app.owner,
        "Owner": app.owner,
        "StorageClass": upload.details.headers.get("StorageClass", "STANDARD"),
        **_kind(upload.details),
    }
