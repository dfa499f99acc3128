"""The errors of CloudWatch."""

from __future__ import annotations

from ...wire.errors import AWSError


def invalid(message: str) -> AWSError:
    """Return the error for a value that cannot be."""
    return AWSError("InvalidParameterValueException", message)


def contradiction(message: str) -> AWSError:
    """Return the error for values that cannot be together."""
    return AWSError("InvalidParameterCombinationException", message)


def missing(message: str) -> AWSError:
    """Return the error for a value that has to be given."""
    return AWSError("MissingRequiredParameterException", message)


def bad_query(message: str) -> AWSError:
    """Return the error for a query of GetMetricData that cannot be answered."""
    return AWSError("ValidationError", message)
