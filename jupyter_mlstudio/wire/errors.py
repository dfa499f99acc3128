"""The one exception that becomes an answer on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AWSError(Exception):
    """An error an AWS client can read.

    Operations raise it anywhere; the wire layer encodes it in the protocol of the request.

    Parameters
    ----------
    code:
        The error code as AWS writes it, e.g. ``ValidationException``.
    message:
        What happened and what to do about it.
    status:
        HTTP status. ``None`` takes the one the service model gives the code, else 400.
    fields:
        Further members of the modelled error shape, e.g. ``OriginalStatusCode`` of ``ModelError``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})


def validation_error(message: str) -> AWSError:
    """Return the error SageMaker gives for bad input and for most missing resources."""
    return AWSError("ValidationException", message)


def serialization_error(message: str) -> AWSError:
    """Return the error for a request that cannot be read as what its protocol says it is."""
    return AWSError("SerializationException", message, status=400)
