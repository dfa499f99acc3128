"""STS: who is calling, and short-lived credentials."""

from __future__ import annotations

from typing import Any

from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.keys import Credentials
from ..wire.operation import Call, Request, Response, operation
from . import principals

_CHAINED_LIMIT = 3600
"""Seconds a role assumed with temporary credentials may last."""


@operation("sts", "GetCallerIdentity")
def get_caller_identity(call: Call[Studio], request: Request) -> Response:
    """Say who signed the request; nobody needs a permission for that."""
    caller = call.caller
    return {
        "UserId": principals.user_id(caller.arn),
        "Account": caller.account,
        "Arn": caller.arn,
    }


@operation("sts", "AssumeRole")
def assume_role(call: Call[Studio], request: Request) -> Response:
    """Issue credentials of a role of the caller's account.

    Session policies, tags and MFA are accepted and have no effect, as the studio decides nothing
    by policy.
    """
    arn = request["RoleArn"]
    role = principals.parse_role(arn)
    if role is None:
        raise AWSError("ValidationError", f"{arn} is invalid")
    if role.account != call.account:
        raise AWSError(
            "AccessDenied",
            f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: "
            f"{arn} (the studio's account is {call.account})",
            status=403,
        )
    seconds = request.get("DurationSeconds", 3600)
    if seconds > _CHAINED_LIMIT and principals.ASSUMED_ROLE.fullmatch(call.caller.arn):
        raise AWSError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining",
        )
    session = request["RoleSessionName"]
    assumed = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}"
    issued = call.app.keys.issue(role.account, assumed, seconds)
    answer: Response = {
        "Credentials": _document(issued),
        "AssumedRoleUser": {"AssumedRoleId": f"{role.id}:{session}", "Arn": assumed},
    }
    if "SourceIdentity" in request:
        answer["SourceIdentity"] = request["SourceIdentity"]
    return answer


@operation("sts", "GetSessionToken")
def get_session_token(call: Call[Studio], request: Request) -> Response:
    """Issue temporary credentials of the calling user."""
    if principals.ASSUMED_ROLE.fullmatch(call.caller.arn):
        raise AWSError(
            "AccessDenied", "Cannot call GetSessionToken with session credentials", status=403
        )
    seconds = request.get("DurationSeconds", 43_200)
    return {"Credentials": _document(call.app.keys.issue(call.account, call.caller.arn, seconds))}


def _document(issued: Credentials) -> dict[str, Any]:
    return {
        "AccessKeyId": issued.access_key,
        "SecretAccessKey": issued.secret_key,
        "SessionToken": issued.token,
        "Expiration": issued.expires,
    }
