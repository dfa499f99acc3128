"""S3 URIs in requests."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..wire.errors import validation_error

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Uri:
    """A bucket and a key or key prefix (which may be empty)."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str, member: str) -> S3Uri:
        """Read ``s3://bucket/key``.

        Parameters
        ----------
        member:
            Where it stands in the request, for the error.

        Raises
        ------
        AWSError
            ``ValidationException`` when it is none.
        """
        scheme, mark, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not mark or not _BUCKET.fullmatch(bucket):
            raise validation_error(
                f"1 validation error detected: Value '{text}' at '{member}' failed to satisfy "
                "constraint: Member must be an S3 URI: s3://bucket/key"
            )
        if "\0" in key:
            raise validation_error(f"The S3 URI at '{member}' holds a NUL character.")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def join(self, *parts: str) -> S3Uri:
        """Return the URI of something below this one."""
        path = "/".join([*([self.key.rstrip("/")] if self.key else []), *parts])
        return S3Uri(self.bucket, path)
