"""Which image stands for a URI in a request."""

from __future__ import annotations

import re

from ..core.studio import Studio
from ..images.build import image_for
from ..wire.errors import validation_error

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?/|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?/)?"
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9_+.-]*:[0-9a-fA-F]{32,})?"
)
"""What engines take for the name of an image: the grammar of the OCI distribution specification."""


def resolve_image(studio: Studio, uri: str) -> str:
    """Return the image to run for ``uri``: ours for AWS's own algorithms, else the user's.

    Raises
    ------
    AWSError
        ``ValidationException`` for what is no name, and for one of AWS's registries that we have
        no image for.
    """
    if not _REFERENCE.fullmatch(uri):
        raise validation_error(
            f"The image name {uri!r} is not of the form [registry/]repository[:tag][@digest]."
        )
    return image_for(uri, studio.settings.root / "images.json") or uri
