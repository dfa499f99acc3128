"""What keys with a scope may do."""

from __future__ import annotations

import pytest

from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.operation import Caller
from jupyter_mlstudio.wire.permissions import (
    ENDPOINT,
    EVERYTHING,
    JOB,
    action,
    authorize,
    may,
    scope_of,
)
from jupyter_mlstudio.wire.services import SERVICES, service_model

ARN = "arn:aws:sts::123456789012:assumed-role/r/SageMaker"
CHANGING = ("Delete", "Stop", "Update", "Put", "Remove", "Deregister", "Batch", "Attach", "Assume")
OF_A_JOB = {
    "cloudwatch:PutMetricData",
    "logs:PutLogEvents",
    "s3:DeleteObject",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "sagemaker:BatchDescribeModelPackage",
    "sagemaker:BatchGetMetrics",
    "sagemaker:BatchGetRecord",
    "sagemaker:BatchPutMetrics",
    "sagemaker:BatchWriteRecord",
    "sagemaker:PutRecord",
    "sagemaker:UpdateAction",
    "sagemaker:UpdateArtifact",
    "sagemaker:UpdateContext",
    "sagemaker:UpdateExperiment",
    "sagemaker:UpdateRecord",
    "sagemaker:UpdateTrial",
    "sagemaker:UpdateTrialComponent",
}
"""All that jobs may do of what is called as something that changes things."""


def actions() -> set[str]:
    return {
        action(service, operation)
        for service in SERVICES
        for operation in service_model(service).operation_names
    }


def caller(scope: str) -> Caller:
    return Caller("123456789012", "eu-west-1", "ASIA", ARN, scope)


def test_scopes_come_from_claims() -> None:
    assert scope_of({}) == EVERYTHING
    assert scope_of({"session": "u"}) == JOB
    assert scope_of({"session": "u", "scope": "endpoint"}) == ENDPOINT


def test_people_and_notebooks_may_do_everything() -> None:
    assert all(may(EVERYTHING, what) for what in actions())


def test_an_unknown_scope_may_do_nothing() -> None:
    assert not any(may("later", what) for what in actions())


def test_jobs_change_little() -> None:
    changing = {what for what in actions() if what.partition(":")[2].startswith(CHANGING)}
    assert {what for what in changing if may(JOB, what)} == OF_A_JOB


def test_endpoints_may_do_less_than_jobs() -> None:
    of_jobs, of_endpoints = (
        {what for what in actions() if may(scope, what)} for scope in (JOB, ENDPOINT)
    )
    assert of_endpoints < of_jobs
    assert not any(what.startswith("sagemaker:Create") for what in of_endpoints)


def test_every_action_that_is_allowed_exists() -> None:
    from jupyter_mlstudio.wire import permissions

    for allowed in permissions._ALLOWED[JOB] | permissions._ALLOWED[ENDPOINT]:
        prefix = allowed.removesuffix("*")
        assert any(what == allowed or what.startswith(prefix) for what in actions()), allowed


@pytest.mark.parametrize(
    ("service", "operation", "code", "wanted"),
    [
        ("sagemaker", "DeleteEndpoint", "AccessDeniedException", "sagemaker:DeleteEndpoint"),
        ("sts", "AssumeRole", "AccessDenied", "sts:AssumeRole"),
        ("s3", "DeleteBucket", "AccessDenied", "s3:DeleteBucket"),
        ("mlstudio", "ListEvents", "AccessDeniedException", "mlstudio:ListEvents"),
    ],
)
def test_a_refusal_reads_as_iams(service: str, operation: str, code: str, wanted: str) -> None:
    with pytest.raises(AWSError) as error:
        authorize(caller(JOB), service, operation)
    assert (error.value.code, error.value.status) == (code, 403)
    assert error.value.message == (
        f"User: {ARN} is not authorized to perform: {wanted} on resource: *"
        f" because no identity-based policy allows the {wanted} action"
    )


def test_operations_are_told_by_their_action() -> None:
    for service, operation in (
        ("s3", "UploadPartCopy"),
        ("s3", "HeadBucket"),
        ("s3", "ListBuckets"),
        ("sagemaker-metrics", "BatchPutMetrics"),
        ("sagemaker-runtime", "InvokeEndpointWithResponseStream"),
    ):
        authorize(caller(JOB), service, operation)
