"""The checksums S3 knows, of bytes and of parts joined together."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

from awscrt import checksums as crt  # type: ignore[import-untyped] # it ships no annotations
from isal import isal_zlib

from jupyter_mlstudio.wire.errors import AWSError

Buffer = bytes | bytearray | memoryview


class _Hash(Protocol):
    def update(self, data: Buffer, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, function: Callable[[Buffer, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: Buffer) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _sha1() -> _Hash:
    return hashlib.sha1(usedforsecurity=False)


def _md5() -> _Hash:
    return hashlib.md5(usedforsecurity=False)


_ALGORITHMS: dict[str, Callable[[], _Hash]] = {
    "CRC32": lambda: _Crc(isal_zlib.crc32, 4),
    "CRC32C": lambda: _Crc(crt.crc32c, 4),
    "CRC64NVME": lambda: _Crc(crt.crc64nvme, 8),
    "SHA1": _sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": _md5,
}
_COMBINE: dict[str, Callable[[int, int, int], int]] = {
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
    "CRC64NVME": crt.combine_crc64nvme,
}
NAMES = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5")
"""Algorithms a client may choose for an object; its ``x-amz-checksum-`` headers end in them."""


class Digests:
    """Several checksums of the same bytes.

    Parameters
    ----------
    algorithms:
        Any of :data:`NAMES`.
    """

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {name: _ALGORITHMS[name]() for name in set(algorithms)}

    def update(self, data: Buffer) -> None:
        """Add bytes."""
        for value in self._hashes.values():
            value.update(data)

    def raw(self, algorithm: str) -> bytes:
        """Return one checksum as bytes."""
        return self._hashes[algorithm].digest()

    def text(self, algorithm: str) -> str:
        """Return one checksum in base64, as it stands in headers."""
        return base64.b64encode(self.raw(algorithm)).decode()


def size(algorithm: str) -> int:
    """Return how many bytes a checksum has."""
    return len(_ALGORITHMS[algorithm]().digest())


def check_algorithm(name: str) -> str:
    """Return the name in upper case, or raise ``InvalidRequest``."""
    if name.upper() not in NAMES:
        raise AWSError(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid"
            f" types: [{', '.join(NAMES)}]",
            status=400,
        )
    return name.upper()


def is_valid(algorithm: str, text: str) -> bool:
    """Say whether ``text`` is base64 of a checksum of this kind."""
    try:
        return len(base64.b64decode(text, validate=True)) == size(algorithm)
    except (binascii.Error, ValueError):
        return False


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """Return the checksum of the parts' checksums, as S3 writes it: base64 and ``-<parts>``."""
    raw = [base64.b64decode(part) for part in parts]
    digests = Digests([algorithm])
    digests.update(b"".join(raw))
    return f"{digests.text(algorithm)}-{len(raw)}"


def full_object(algorithm: str, parts: Iterable[tuple[int, str]]) -> str:
    """Return the CRC of parts of (size, CRC in base64) joined, without their bytes."""
    combine = _COMBINE[algorithm]
    value = 0
    for length, part in parts:
        value = combine(value, int.from_bytes(base64.b64decode(part), "big"), length)
    return base64.b64encode(value.to_bytes(size(algorithm), "big")).decode()


def composite_etag(parts: Iterable[str]) -> str:
    """Return the ETag of an object made of parts with these ETags (MD5 in hex)."""
    raw = [bytes.fromhex(part) for part in parts]
    return f"{hashlib.md5(b''.join(raw), usedforsecurity=False).hexdigest()}-{len(raw)}"
