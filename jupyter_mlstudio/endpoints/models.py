"""The model operations of the SageMaker API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._failpoints import reached
from ..core.listing import Listing, tag_map
from ..core.studio import Studio
from ..wire.operation import Call, Response, operation
from .containers import check_definitions, resolve
from .kinds import MODEL, identity

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t

_DEFAULTS: dict[str, Any] = {"Mode": "SingleModel", "Environment": {}}


@operation("sagemaker", "CreateModel")
def create_model(call: Call[Studio], request: t.CreateModelInputTypeDef) -> Response:
    """Store a model; its image, package and model data have to be there already."""
    resolve(call.app, call.account, call.region, check_definitions(request))
    model = call.app.store.create(
        MODEL,
        call.account,
        call.region,
        request["ModelName"],
        wish={key: value for key, value in request.items() if key != "Tags"},
        status="Active",
        labels=tag_map(request.get("Tags")),
    )
    reached("model.create.stored")
    return {"ModelArn": model.arn}


@operation("sagemaker", "DescribeModel")
def describe_model(call: Call[Studio], request: t.DescribeModelInputTypeDef) -> Response:
    """Return a model as it was created."""
    model = call.app.store.get(MODEL, call.account, call.region, request["ModelName"])
    answer = {"EnableNetworkIsolation": False, **model.wish}
    if primary := answer.get("PrimaryContainer"):
        answer["PrimaryContainer"] = {**_DEFAULTS, **primary}
    if several := answer.get("Containers"):
        answer["Containers"] = [{**_DEFAULTS, **each} for each in several]
    return {**answer, **identity(model)}


_LISTING = Listing(MODEL, "Models", identity)


@operation("sagemaker", "ListModels")
def list_models(call: Call[Studio], request: t.ListModelsInputTypeDef) -> Response:
    """List models, the newest first."""
    return _LISTING.answer(call, request)


@operation("sagemaker", "DeleteModel")
def delete_model(call: Call[Studio], request: t.DeleteModelInputTypeDef) -> None:
    """Forget a model. Endpoints that serve it go on, and its data stays in S3."""
    model = call.app.store.get(MODEL, call.account, call.region, request["ModelName"])
    call.app.store.delete(model.uid)
