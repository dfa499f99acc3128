"""Bodies on their way into the store, checked against what the client says of them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlstudio.wire.errors import AWSError

from . import checksums
from .checksums import Buffer, Digests
from .files import Incoming, ObjectFiles

_PREFIX = "x-amz-checksum-"
_NOT_ALGORITHMS = ("algorithm", "mode", "type")
_HASH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class FileRange:
    """``length`` bytes of a file from ``offset`` on: the body of a response."""

    path: Path
    offset: int
    length: int


@dataclass(slots=True)
class Claims:
    """What a client says of a body.

    ``sha256`` is hex, from the signature; ``md5`` is base64. ``checksum`` is base64 by
    ``algorithm``; it is None while a trailer that brings it is awaited.
    """

    sha256: str | None = None
    md5: str | None = None
    algorithm: str | None = None
    checksum: str | None = None

    @staticmethod
    def of(headers: Mapping[str, str], payload: str) -> Claims:
        """Read the claims of a request whose signature says ``payload`` of its body.

        Raises
        ------
        AWSError
            ``InvalidDigest`` or ``InvalidRequest`` for a claim that cannot be true.
        """
        claims = Claims(md5=headers.get("Content-MD5"))
        if len(payload) == _HASH_LENGTH:
            claims.sha256 = payload
        if claims.md5 is not None and not checksums.is_valid("MD5", claims.md5):
            message = "The Content-MD5 you specified was invalid."
            raise AWSError("InvalidDigest", message, status=400)
        claims._read_checksum(headers)
        trailer = headers.get("X-Amz-Trailer", "").strip().lower()
        if trailer.startswith(_PREFIX):
            if claims.checksum is not None:
                raise _too_many()
            claims.algorithm = checksums.check_algorithm(trailer.removeprefix(_PREFIX))
        elif claims.algorithm is None and "x-amz-sdk-checksum-algorithm" in headers:
            claims.algorithm = checksums.check_algorithm(headers["x-amz-sdk-checksum-algorithm"])
        return claims

    def trailers(self, trailers: Mapping[str, str]) -> None:
        """Add what stood behind an aws-chunked body."""
        if self.checksum is None:
            self._read_checksum(trailers)

    def _read_checksum(self, headers: Mapping[str, str]) -> None:
        found = [name.lower() for name in headers if name.lower().startswith(_PREFIX)]
        names = [name.removeprefix(_PREFIX) for name in found]
        names = [name for name in names if name not in _NOT_ALGORITHMS]
        if not names:
            return
        if len(names) > 1:
            raise _too_many()
        self.algorithm = checksums.check_algorithm(names[0])
        self.checksum = headers[_PREFIX + names[0]].strip()
        if not checksums.is_valid(self.algorithm, self.checksum):
            raise AWSError(
                "InvalidRequest", f"Value for {_PREFIX}{names[0]} header is invalid.", status=400
            )


class Received:
    """A body as far as it has come; :meth:`finish` tells what it was.

    As a context manager it discards the body on the way out, unless it was taken.

    Parameters
    ----------
    files:
        Where to write it; None if it is only read (an XML document).
    claims:
        What has to be true of it.
    also:
        One more checksum to compute.
    """

    def __init__(self, files: ObjectFiles | None, claims: Claims, also: str | None = None) -> None:
        self.claims = claims
        self._files = files
        self._file: Incoming | None = None
        self._tail = bytearray()
        wanted = {"MD5", claims.algorithm, also, "SHA256" if claims.sha256 else None}
        self._digests = Digests(name for name in wanted if name)

    def add(self, data: Buffer) -> None:
        """Digest bytes and write them down."""
        self._digests.update(data)
        if self._files is not None:
            self._file = self._file or self._files.new()
            self._file.write(data)

    def keep(self, data: Buffer) -> None:
        """Remember the last bytes; :meth:`finish` adds them."""
        self._tail += data

    def finish(self) -> None:
        """Add what is left and check all claims.

        Raises
        ------
        AWSError
            ``BadDigest`` or ``XAmzContentSHA256Mismatch``.
        """
        self.add(self._tail)
        self._tail = bytearray()
        self._check()

    def take(self) -> Incoming:
        """Return the file; discarding it is the caller's business from here on."""
        if self._file is None:
            raise ValueError("the body is not finished, or is not kept")
        file, self._file = self._file, None
        return file

    def __enter__(self) -> Received:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    @property
    def etag(self) -> str:
        """MD5 in hex."""
        return self._digests.raw("MD5").hex()

    @property
    def sha256(self) -> str:
        """SHA-256 in hex, if it was claimed or asked for."""
        return self._digests.raw("SHA256").hex()

    @property
    def written(self) -> Path:
        """The file the body has been written to, while it is not taken."""
        if self._file is None:
            raise ValueError("the body is not finished, or is not kept")
        return self._file.path

    def checksum(self, algorithm: str) -> str:
        """Return a checksum that was claimed or asked for, in base64."""
        return self._digests.text(algorithm)

    def discard(self) -> None:
        """Forget the body."""
        if self._file is not None:
            self.take().discard()

    def _check(self) -> None:
        claims = self.claims
        if claims.sha256 is not None:
            actual = self._digests.raw("SHA256").hex()
            if not hmac.compare_digest(actual, claims.sha256):
                raise AWSError(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                    status=400,
                    fields={
                        "ClientComputedContentSHA256": claims.sha256,
                        "S3ComputedContentSHA256": actual,
                    },
                )
        if claims.md5 is not None and base64.b64decode(claims.md5) != self._digests.raw("MD5"):
            raise AWSError(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
                status=400,
            )
        if claims.algorithm and claims.checksum not in (None, self.checksum(claims.algorithm)):
            raise bad_checksum(claims.algorithm)


def bad_checksum(algorithm: str) -> AWSError:
    """Return the error for a checksum that is not that of the body."""
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return AWSError("BadDigest", message, status=400)


def _too_many() -> AWSError:
    message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
    return AWSError("InvalidRequest", message, status=400)
