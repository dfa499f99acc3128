"""STS and IAM through boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def with_credentials(studio: RunningStudio, credentials: dict[str, Any]) -> Any:
    return studio.client(
        "sts",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def assume(sts: Any, role: str, **more: Any) -> Any:
    return sts.assume_role(RoleArn=role, RoleSessionName="me@work", **more)


def test_the_caller_is_the_studios_user(process_studio: RunningStudio) -> None:
    identity = process_studio.client("sts").get_caller_identity()
    settings = process_studio.settings
    assert (identity["Account"], identity["Arn"]) == (settings.account, settings.user_arn)
    assert identity["UserId"].startswith("AIDA")
    assert process_studio.client("sts").get_caller_identity()["UserId"] == identity["UserId"]


def test_an_assumed_role_calls_in_its_own_name(process_studio: RunningStudio) -> None:
    before = datetime.now(UTC)
    answer = assume(process_studio.client("sts"), process_studio.role, DurationSeconds=900)
    expected = f"arn:aws:sts::{process_studio.settings.account}:assumed-role"
    arn = f"{expected}/MLStudioExecutionRole/me@work"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    lasts = answer["Credentials"]["Expiration"] - before
    assert timedelta(seconds=898) <= lasts <= timedelta(seconds=902)
    identity = with_credentials(process_studio, answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == arn
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_a_role_with_a_path_is_assumed_by_its_name(process_studio: RunningStudio) -> None:
    account = process_studio.settings.account
    role = f"arn:aws:iam::{account}:role/service-role/AmazonSageMaker-ExecutionRole-1"
    answer = assume(process_studio.client("sts"), role)
    assert "assumed-role/AmazonSageMaker-ExecutionRole-1/" in answer["AssumedRoleUser"]["Arn"]


def test_roles_of_other_accounts_are_denied(process_studio: RunningStudio) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole") as error:
        assume(process_studio.client("sts"), "arn:aws:iam::123456789012:role/Admin")
    assert refusal(error) == ("AccessDenied", 403)


@pytest.mark.parametrize("arn", ["arn:aws:iam::000000000000:user/mlstudio", "x" * 20])
def test_what_is_no_role_is_invalid(process_studio: RunningStudio, arn: str) -> None:
    with pytest.raises(ClientError, match="is invalid") as error:
        assume(process_studio.client("sts"), arn)
    assert refusal(error) == ("ValidationError", 400)


@pytest.mark.parametrize("seconds", [899, 43_201])
def test_durations_have_bounds(process_studio: RunningStudio, seconds: int) -> None:
    sts = process_studio.client("sts", config=_unchecked())
    with pytest.raises(ClientError) as error:
        assume(sts, process_studio.role, DurationSeconds=seconds)
    assert refusal(error) == ("ValidationError", 400)


def test_chained_roles_last_an_hour_at_most(process_studio: RunningStudio) -> None:
    first = assume(process_studio.client("sts"), process_studio.role)
    chained = with_credentials(process_studio, first["Credentials"])
    assert assume(chained, process_studio.role, DurationSeconds=3600)
    with pytest.raises(ClientError, match="role chaining"):
        assume(chained, process_studio.role, DurationSeconds=3601)


def test_session_tokens_are_for_users(process_studio: RunningStudio) -> None:
    answer = process_studio.client("sts").get_session_token(DurationSeconds=900)
    temporary = with_credentials(process_studio, answer["Credentials"])
    assert temporary.get_caller_identity()["Arn"] == process_studio.settings.user_arn
    role = assume(process_studio.client("sts"), process_studio.role)
    with pytest.raises(ClientError, match="Cannot call GetSessionToken") as error:
        with_credentials(process_studio, role["Credentials"]).get_session_token()
    assert refusal(error) == ("AccessDenied", 403)


def test_the_execution_role_trusts_sagemaker(process_studio: RunningStudio) -> None:
    role = process_studio.client("iam").get_role(RoleName="MLStudioExecutionRole")["Role"]
    assert role["Arn"] == process_studio.role
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"]["Service"] == "sagemaker.amazonaws.com"
    assert role["CreateDate"] <= datetime.now(UTC)
    (listed,) = process_studio.client("iam").list_roles()["Roles"]
    assert listed == role
    assert process_studio.client("iam").list_roles(PathPrefix="/other/")["Roles"] == []


def test_an_unknown_role_does_not_exist(process_studio: RunningStudio) -> None:
    iam = process_studio.client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="with name Nobody") as error:
        iam.get_role(RoleName="Nobody")
    assert refusal(error) == ("NoSuchEntity", 404)


def test_principals_of_the_account_may_do_everything(process_studio: RunningStudio) -> None:
    iam = process_studio.client("iam")
    results = iam.simulate_principal_policy(
        PolicySourceArn=process_studio.role,
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::a", "arn:aws:s3:::b"],
    )["EvaluationResults"]
    assert len(results) == 4
    assert {result["EvalDecision"] for result in results} == {"allowed"}
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/Admin", ActionNames=["s3:GetObject"]
        )


def _unchecked() -> Any:
    return boto3.session.Config(parameter_validation=False)
