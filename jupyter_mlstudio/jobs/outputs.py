"""Where the results of jobs go."""

from __future__ import annotations

from ..core.studio import Studio
from .inputs.errors import InputError
from .s3uri import S3Uri


def check_bucket(studio: Studio, uri: S3Uri, member: str) -> None:
    """Raise :class:`InputError` where results could never be uploaded."""
    if not studio.objects.bucket_exists(uri.bucket):
        raise InputError(
            f"ClientError: The bucket {uri.bucket} of {member} ({uri}) does not exist."
        )
