"""IAM as far as SageMaker's clients ask it: the execution role and what it may do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation
from . import principals
from .principals import Role

_PAGE = 100
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@operation("iam", "GetRole")
def get_role(call: Call[Studio], request: Request) -> Response:
    """Describe the execution role, the one role every studio has."""
    role = _execution_role(call)
    if request["RoleName"] != role.name:
        raise _missing(f"The role with name {request['RoleName']} cannot be found.")
    return {"Role": _document(call, role)}


@operation("iam", "ListRoles")
def list_roles(call: Call[Studio], request: Request) -> Response:
    """List the execution role where it is below ``PathPrefix``."""
    role = _execution_role(call)
    roles = [role] if role.path.startswith(request.get("PathPrefix", "/")) else []
    return {"Roles": [_document(call, role) for role in roles], "IsTruncated": False}


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call[Studio], request: Request) -> Response:
    """Say what a principal may do.

    The studio has no policies: a role in the hands of a person or a notebook may do everything in
    the account (containers that have it may do less, see :mod:`..wire.permissions`), so every
    action of a principal of the account is allowed; principals of other accounts do not exist.
    Answers come in pages, as there is one result for each pair of action and resource.
    """
    source = request["PolicySourceArn"]
    if source.split(":")[4:5] != [call.account]:
        raise _missing(f"No principal {source} in account {call.account}.")
    actions, resources = request["ActionNames"], request.get("ResourceArns") or ["*"]
    pairs = range(len(actions) * len(resources))
    start = _start(request.get("Marker"))
    end = start + request.get("MaxItems", _PAGE)
    results = [
        {
            "EvalActionName": actions[pair // len(resources)],
            "EvalResourceName": resources[pair % len(resources)],
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for pair in pairs[start:end]
    ]
    answer: Response = {"EvaluationResults": results, "IsTruncated": end < len(pairs)}
    return {**answer, "Marker": str(end)} if end < len(pairs) else answer


def _start(marker: str | None) -> int:
    """Return the number of results that earlier pages had."""
    if marker is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,9}", marker):
        raise AWSError("ValidationError", "Invalid Marker: it must come from the page before.")
    return int(marker)


def _execution_role(call: Call[Studio]) -> Role:
    role = principals.parse_role(call.app.settings.role_arn)
    if role is None:
        raise ValueError(f"{call.app.settings.role_arn} is no role")
    return role


def _document(call: Call[Studio], role: Role) -> dict[str, Any]:
    born = call.app.settings.master_key.stat().st_mtime
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": datetime.fromtimestamp(int(born), UTC),
        "AssumeRolePolicyDocument": quote(json.dumps(_TRUST)),
        "Description": "What jobs and endpoints of this studio run with.",
        "MaxSessionDuration": 43_200,
    }


def _missing(message: str) -> AWSError:
    return AWSError("NoSuchEntity", message, status=404)
