"""What the keys of containers may do, as actions of IAM.

Keys of people and notebooks have every right. Those that a container fetches say in a signed claim
what it is, and may do what is listed here for that: read, work with objects and metrics, begin
something new. They delete, stop and change nothing that others made, but for the records of
experiments, and take on no other role. Policies of roles are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .errors import AWSError
from .operation import Caller

SCOPE = "scope"
"""The claim of a session token that says what its holder is."""
EVERYTHING = ""
JOB = "job"
ENDPOINT = "endpoint"

_BOTH = """
    sts:GetCallerIdentity
    s3:GetObject* s3:PutObject s3:PutObjectTagging s3:ListBucket* s3:ListAllMyBuckets
    s3:GetBucketLocation s3:AbortMultipartUpload s3:ListMultipartUploadParts
    logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents
    cloudwatch:PutMetricData
    sagemaker:InvokeEndpoint* sagemaker:GetRecord sagemaker:BatchGetRecord
"""
_OF_JOBS = """
    iam:GetRole iam:SimulatePrincipalPolicy
    s3:CreateBucket s3:DeleteObject
    logs:Describe* logs:GetLogEvents logs:FilterLogEvents
    cloudwatch:GetMetric* cloudwatch:ListMetrics
    sagemaker:Describe* sagemaker:List* sagemaker:Search sagemaker:GetSearchSuggestions
    sagemaker:QueryLineage sagemaker:BatchDescribeModelPackage
    sagemaker:BatchGetMetrics sagemaker:BatchPutMetrics
    sagemaker:PutRecord sagemaker:UpdateRecord sagemaker:BatchWriteRecord
    sagemaker:CreateExperiment sagemaker:UpdateExperiment sagemaker:CreateTrial
    sagemaker:UpdateTrial sagemaker:CreateTrialComponent sagemaker:UpdateTrialComponent
    sagemaker:AssociateTrialComponent sagemaker:DisassociateTrialComponent
    sagemaker:AddAssociation sagemaker:CreateArtifact sagemaker:UpdateArtifact
    sagemaker:CreateAction sagemaker:UpdateAction sagemaker:CreateContext sagemaker:UpdateContext
    sagemaker:CreateTrainingJob sagemaker:CreateProcessingJob sagemaker:CreateTransformJob
    sagemaker:CreateHyperParameterTuningJob sagemaker:CreateAutoMLJob*
    sagemaker:CreateModel sagemaker:CreateModelPackage sagemaker:CreateModelPackageGroup
    sagemaker:CreateEndpointConfig sagemaker:CreateEndpoint sagemaker:CreateFeatureGroup
    sagemaker:CreatePipeline sagemaker:StartPipelineExecution
    sagemaker:SendPipelineExecutionStepSuccess sagemaker:SendPipelineExecutionStepFailure
"""
_ALLOWED = {
    JOB: frozenset((_BOTH + _OF_JOBS).split()),
    ENDPOINT: frozenset(_BOTH.split()),
}
# Operations that are called otherwise than the action of IAM that allows them.
_ACTIONS = {
    "s3": {
        "CompleteMultipartUpload": "PutObject",
        "CopyObject": "PutObject",
        "CreateMultipartUpload": "PutObject",
        "DeleteObjects": "DeleteObject",
        "HeadBucket": "ListBucket",
        "HeadObject": "GetObject",
        "ListBuckets": "ListAllMyBuckets",
        "ListMultipartUploads": "ListBucketMultipartUploads",
        "ListObjectVersions": "ListBucketVersions",
        "ListObjects": "ListBucket",
        "ListObjectsV2": "ListBucket",
        "ListParts": "ListMultipartUploadParts",
        "UploadPart": "PutObject",
        "UploadPartCopy": "PutObject",
    },
}
_BARE_CODE = frozenset({"s3", "sts", "iam", "cloudwatch"})


def scope_of(claims: Mapping[str, Any]) -> str:
    """Return what the holder of a key is, from the claims of its token."""
    return str(claims.get(SCOPE) or (JOB if "session" in claims else EVERYTHING))


def action(service: str, operation: str) -> str:
    """Return the action of IAM that an operation needs, e.g. ``s3:PutObject``."""
    prefix = "sagemaker" if service.startswith("sagemaker-") else service
    return f"{prefix}:{_ACTIONS.get(service, {}).get(operation, operation)}"


@cache
def may(scope: str, what: str) -> bool:
    """Say whether holders of this scope may do an action; of an unknown scope, none."""
    return scope == EVERYTHING or any(
        what == allowed or (allowed.endswith("*") and what.startswith(allowed[:-1]))
        for allowed in _ALLOWED.get(scope, ())
    )


def authorize(caller: Caller, service: str, operation: str) -> None:
    """Refuse what the caller may not do.

    Raises
    ------
    AWSError
        ``AccessDenied`` or ``AccessDeniedException``, as the service calls it.
    """
    wanted = action(service, operation)
    if may(caller.scope, wanted):
        return
    raise AWSError(
        "AccessDenied" if service in _BARE_CODE else "AccessDeniedException",
        f"User: {caller.arn} is not authorized to perform: {wanted} on resource: * because no"
        f" identity-based policy allows the {wanted} action",
        status=403,
    )
