"""Take ``aws-chunked`` bodies apart: S3 uploads in signed chunks, or with a checksum at the end.

Each chunk is ``<hex size>[;chunk-signature=<hex>]``, a line break, the data, a line break; the last
one is empty and may be followed by trailing headers, which ``x-amz-trailer-signature`` signs where
the chunks are signed. Every signature covers the one before it.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re

from .errors import AWSError
from .sigv4 import Signed
from .sigv4_claims import ALGORITHM
from .sigv4_errors import SignatureErrors

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
MAX_LINE = 4096
MAX_TRAILERS = 16

_EMPTY_HASH = hashlib.sha256().hexdigest()
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class _State(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILERS = enum.auto()
    DONE = enum.auto()


class ChunkedDecoder:
    """Decodes one body as it arrives.

    Parameters
    ----------
    signed:
        The verified request; its ``payload`` says how the body is chunked.
    length:
        Bytes of the decoded body, from ``x-amz-decoded-content-length``.
    """

    def __init__(self, signed: Signed, length: int) -> None:
        if signed.payload not in (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER):
            text = f"{signed.payload} is not a way of sending a body this server knows."
            raise AWSError("NotImplemented", text, status=501)
        self._signed = signed
        self._expected = length
        self._received = 0
        self._previous = signed.signature
        self._state = _State.SIZE
        self._line = bytearray()
        self._left = 0
        self._chunk_signature = ""
        self._hash = hashlib.sha256()
        self._trailers: dict[str, str] = {}

    def feed(self, data: bytes) -> list[memoryview]:
        """Return the decoded pieces in ``data``, which they share memory with.

        A piece may be returned before the signature of its chunk is known to be right: whoever
        writes them down must forget them if this or :meth:`finish` raises.

        Raises
        ------
        AWSError
            ``SignatureDoesNotMatch``, ``IncompleteBody`` or ``InvalidRequest``.
        """
        pieces = []
        position = 0
        while position < len(data):
            if self._state is _State.DATA:
                piece = memoryview(data)[position : position + self._left]
                position += len(piece)
                self._add(piece)
                pieces.append(piece)
            else:
                position = self._read_line(data, position)
        return pieces

    def finish(self) -> dict[str, str]:
        """Return the trailing headers, with small letters, once the whole body was fed.

        Raises
        ------
        AWSError
            ``IncompleteBody`` if it ends early or has another length than was said.
        """
        if self._state is not _State.DONE or self._received != self._expected:
            raise _incomplete()
        return self._trailers

    def _add(self, piece: memoryview) -> None:
        self._received += len(piece)
        if self._received > self._expected:
            raise _incomplete()
        if self._is_signed:
            self._hash.update(piece)
        self._left -= len(piece)
        if self._left == 0:
            self._check_chunk()
            self._state = _State.DATA_END

    def _read_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end + 1
        self._line += data[position:stop]
        if len(self._line) > MAX_LINE:
            raise _invalid("A line between chunks is too long.")
        if end >= 0:
            line = bytes(self._line).rstrip(b"\r\n")
            self._line.clear()
            self._take(line)
        return stop

    def _take(self, line: bytes) -> None:
        match self._state:
            case _State.SIZE:
                self._begin_chunk(line)
            case _State.DATA_END if not line:
                self._state = _State.SIZE
            case _State.TRAILERS:
                self._take_trailer(line)
            case _:
                raise _invalid("The body goes on where a chunk should end.")

    def _begin_chunk(self, line: bytes) -> None:
        found = _CHUNK.fullmatch(line)
        if found is None or (found[2] is not None) is not self._is_signed:
            raise _invalid("The head of a chunk cannot be read.")
        self._left = int(found[1], 16)
        self._chunk_signature = (found[2] or b"").decode()
        self._hash = hashlib.sha256()
        if self._left:
            self._state = _State.DATA
        else:
            self._check_chunk()
            self._state = _State.TRAILERS

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self._end_trailers()
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        if not colon or name in self._trailers or len(self._trailers) >= MAX_TRAILERS:
            raise AWSError("MalformedTrailerError", "The trailing headers cannot be read.")
        self._trailers[name] = value.strip()

    def _end_trailers(self) -> None:
        if self._signed.payload == SIGNED_TRAILER:
            if _TRAILER_SIGNATURE not in self._trailers:
                # Some clients put an empty line before the signature.
                if len(self._trailers) == 0:
                    raise _incomplete()
                return
            given = self._trailers.pop(_TRAILER_SIGNATURE)
            text = "".join(f"{name}:{value}\n" for name, value in sorted(self._trailers.items()))
            digest = hashlib.sha256(text.encode("latin-1")).hexdigest()
            self._compare(given, f"{ALGORITHM}-TRAILER", digest)
        elif self._trailers and self._signed.payload == SIGNED:
            raise AWSError("MalformedTrailerError", "There must be no trailing headers.")
        self._state = _State.DONE

    def _check_chunk(self) -> None:
        if self._is_signed:
            digests = f"{_EMPTY_HASH}\n{self._hash.hexdigest()}"
            self._compare(self._chunk_signature, f"{ALGORITHM}-PAYLOAD", digests)
            self._previous = self._chunk_signature

    def _compare(self, given: str, kind: str, digests: str) -> None:
        signed = self._signed
        text = "\n".join((kind, signed.timestamp, signed.scope, self._previous, digests))
        expected = hmac.digest(signed.signing_key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), given.encode("latin-1")):
            raise SignatureErrors("s3").mismatch()

    @property
    def _is_signed(self) -> bool:
        return self._signed.payload != UNSIGNED_TRAILER


def _incomplete() -> AWSError:
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AWSError("IncompleteBody", text, status=400)


def _invalid(message: str) -> AWSError:
    return AWSError("InvalidRequest", message, status=400)
