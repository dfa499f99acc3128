"""Which image stands for a URI in a request."""

from __future__ import annotations

from ..core.studio import Studio
from ..images.build import image_for
from ..wire.errors import validation_error


def resolve_image(studio: Studio, uri: str) -> str:
    """Return the image to run for ``uri``: ours for AWS's own algorithms, else the user's.

    Raises
    ------
    AWSError
        ``ValidationException`` for one of AWS's registries that we have no image for.
    """
    if any(character.isspace() for character in uri):
        raise validation_error(f"The image name {uri!r} holds white space.")
    return image_for(uri, studio.settings.root / "images.json") or uri
