"""What S3 takes as the name of a bucket and as a key."""

from __future__ import annotations

import ipaddress
import re

from jupyter_mlstudio.wire.errors import AWSError

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")


def check_bucket(name: str) -> None:
    """Raise ``InvalidBucketName`` for a name S3 would refuse."""
    wrong = not _BUCKET.fullmatch(name) or ".." in name or ".-" in name or "-." in name
    if wrong or _is_address(name) or name.startswith("xn--") or name.endswith("-s3alias"):
        raise AWSError(
            "InvalidBucketName",
            "The specified bucket is not valid.",
            status=400,
            fields={"BucketName": name},
        )


def check_key(key: str) -> None:
    """Raise the error of S3 for a key it would refuse. Anything else is only data to us."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        raise AWSError("InvalidURI", "Couldn't parse the specified URI.", status=400) from None
    if not encoded or b"\0" in encoded:
        raise AWSError("InvalidArgument", "An object key may not hold a NUL character", status=400)
    if len(encoded) > 1024:
        raise AWSError(
            "KeyTooLongError",
            "Your key is too long",
            status=400,
            fields={"Size": len(encoded), "MaxSizeAllowed": 1024},
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
