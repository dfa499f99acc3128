"""Who did something, as SageMaker's answers say it."""

from __future__ import annotations

from typing import Any

from ..core.studio import Studio
from ..wire.operation import Call


def user_context(call: Call[Studio]) -> dict[str, Any]:
    """Return the caller as a ``UserContext``."""
    caller = call.caller
    return {
        "UserProfileName": caller.arn.rpartition("/")[2],
        "IamIdentity": {"Arn": caller.arn, "PrincipalId": caller.access_key},
    }
