"""Tags of any resource, through boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningStudio


@pytest.fixture
def arn(process_studio: RunningStudio) -> str:
    sagemaker = process_studio.client("sagemaker")
    name = f"tagged-{len(sagemaker.list_model_package_groups()['ModelPackageGroupSummaryList'])}"
    made: str = sagemaker.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "blue"}]
    )["ModelPackageGroupArn"]
    return made


def test_tags_are_added_replaced_listed_and_removed(
    process_studio: RunningStudio, arn: str
) -> None:
    client = process_studio.client("sagemaker")
    client.add_tags(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}, {"Key": "a", "Value": ""}]
    )
    assert client.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": ""},
        {"Key": "team", "Value": "red"},
    ]
    pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
    assert [tag["Key"] for page in pages for tag in page["Tags"]] == ["a", "team"]
    client.delete_tags(ResourceArn=arn, TagKeys=["a", "never there"])
    assert [tag["Key"] for tag in client.list_tags(ResourceArn=arn)["Tags"]] == ["team"]


def test_a_resource_has_50_tags_at_most_and_none_is_added_beyond(
    process_studio: RunningStudio, arn: str
) -> None:
    client = process_studio.client("sagemaker")
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(50)]
    with pytest.raises(client.exceptions.ResourceLimitExceeded, match="at most 50 tags"):
        client.add_tags(ResourceArn=arn, Tags=many)
    assert len(client.list_tags(ResourceArn=arn)["Tags"]) == 1


def test_an_unknown_resource_is_refused(process_studio: RunningStudio) -> None:
    missing = "arn:aws:sagemaker:us-east-1:000000000000:model/none"
    with pytest.raises(ClientError, match=f"Could not find the resource {missing}"):
        process_studio.client("sagemaker").list_tags(ResourceArn=missing)
