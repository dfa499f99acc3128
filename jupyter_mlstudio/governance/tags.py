"""Tags of every taggable resource of SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.listing import Tokens, tag_map
from ..core.studio import Studio
from ..wire.errors import AWSError, validation_error
from ..wire.operation import Call, Response, operation

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t

MOST_TAGS = 50
PAGE = 50


@operation("sagemaker", "AddTags")
def add_tags(call: Call[Studio], request: t.AddTagsInputTypeDef) -> Response:
    """Set tags on a resource; a key it has already gets the new value."""
    arn = _existing(call, request["ResourceArn"])
    store = call.app.store
    if not store.tag(arn, tag_map(request["Tags"]), limit=MOST_TAGS):
        raise AWSError(
            "ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags: {arn}"
        )
    return {"Tags": _pairs(store.tags(arn))}


@operation("sagemaker", "ListTags")
def list_tags(call: Call[Studio], request: t.ListTagsInputTypeDef) -> Response:
    """List the tags of a resource by key."""
    arn = _existing(call, request["ResourceArn"])
    pairs = _pairs(call.app.store.tags(arn))
    tokens = Tokens(call.app.keys.derive("page-token"))
    start = tokens.open(request["NextToken"], arn)[0] if "NextToken" in request else 0
    end = start + request.get("MaxResults", PAGE)
    answer: Response = {"Tags": pairs[start:end]}
    if end < len(pairs):
        answer["NextToken"] = tokens.seal([end], arn)
    return answer


@operation("sagemaker", "DeleteTags")
def delete_tags(call: Call[Studio], request: t.DeleteTagsInputTypeDef) -> Response:
    """Remove tags by key; keys it does not have are no error."""
    call.app.store.untag(_existing(call, request["ResourceArn"]), request["TagKeys"])
    return {}


def _existing(call: Call[Studio], arn: str) -> str:
    resource = call.app.store.by_arn(arn)
    if resource is None or (resource.account, resource.region) != (call.account, call.region):
        raise validation_error(f"Could not find the resource {arn} to tag.")
    return arn


def _pairs(labels: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in labels.items()]
