"""The endpoint operations of the SageMaker API."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._failpoints import reached
from ..core.clock import timestamp
from ..core.listing import Listing, tag_map
from ..core.store import Draft, Resource
from ..core.studio import Studio
from ..wire.errors import validation_error
from ..wire.operation import Call, Response, operation
from .kinds import CREATING, DELETING, ENDPOINT, IN_SERVICE, OUT_OF_SERVICE, UPDATING, identity
from .plan import Plan, check_count, make_plan, retain, serving, target
from .routing import publish
from .slots import healthy

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(call: Call[Studio], request: t.CreateEndpointInputTypeDef) -> Response:
    """Accept an endpoint; it is in service once all its replicas are healthy."""
    name = request["EndpointName"]
    if call.app.store.find(ENDPOINT, call.account, call.region, name):
        raise ENDPOINT.taken.error(name, ENDPOINT.arn(call.account, call.region, name))
    plan, role = make_plan(call.app, call.account, call.region, request, generation=1)
    endpoint = call.app.store.create(
        ENDPOINT,
        call.account,
        call.region,
        name,
        wish={"Plan": plan, "ExecutionRoleArn": role, **_deployment(request)},
        status=CREATING,
        labels=tag_map(request.get("Tags")),
        step=(CREATING, "Starting the containers"),
    )
    reached("endpoint.create.stored")
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(call: Call[Studio], request: t.UpdateEndpointInputTypeDef) -> Response:
    """Deploy another configuration beside the one that serves, then switch over."""
    store = call.app.store
    endpoint = store.get(ENDPOINT, call.account, call.region, request["EndpointName"])
    _require_in_service(endpoint)
    generation = endpoint.wish["Plan"]["Generation"] + 1
    plan, role = make_plan(call.app, call.account, call.region, request, generation)
    with store.edit(endpoint.uid) as draft:
        _require_in_service(draft)
        if request.get("RetainAllVariantProperties"):
            excluded = request.get("ExcludeRetainedVariantProperties", [])
            retain(plan, _current(draft), {each["VariantPropertyType"] for each in excluded})
        draft.wish = {**draft.wish, "Plan": plan, "ExecutionRoleArn": role}
        if not request.get("RetainDeploymentConfig"):
            draft.wish.pop("DeploymentConfig", None)
            draft.wish.update(_deployment(request))
        _enter_update(draft, f"Deploying {plan['EndpointConfigName']}")
    reached("endpoint.update.stored")
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(
    call: Call[Studio], request: t.UpdateEndpointWeightsAndCapacitiesInputTypeDef
) -> Response:
    """Change weights and numbers of replicas of an endpoint in service."""
    store = call.app.store
    endpoint = store.get(ENDPOINT, call.account, call.region, request["EndpointName"])
    with store.edit(endpoint.uid) as draft:
        _require_in_service(draft)
        plan = copy.deepcopy(_current(draft))
        variants = {variant["Name"]: variant for variant in plan["Variants"]}
        for change in request["DesiredWeightsAndCapacities"]:
            if change["VariantName"] not in variants:
                raise validation_error(f'Could not find variant "{change["VariantName"]}".')
            _change(variants[change["VariantName"]], change)
        draft.wish["Plan"] = plan
        _enter_update(draft, "Changing weights and capacities")
    return {"EndpointArn": endpoint.arn}


def _change(variant: dict[str, Any], change: Mapping[str, Any]) -> None:
    if change.get("DesiredInstanceCount") == 0:
        raise validation_error("DesiredInstanceCount must be at least 1.")
    check_count(variant["Name"], change.get("DesiredInstanceCount", 0))
    if change.get("ServerlessUpdateConfig"):
        raise validation_error(f"Variant {variant['Name']} is not serverless.")
    if not math.isfinite(change.get("DesiredWeight", 0.0)):
        raise validation_error("DesiredWeight must be a finite number.")
    variant["Weight"] = change.get("DesiredWeight", variant["Weight"])
    variant["Count"] = change.get("DesiredInstanceCount", variant["Count"])


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(call: Call[Studio], request: t.DeleteEndpointInputTypeDef) -> None:
    """Take an endpoint out of service and remove its containers, whatever state it is in."""
    store = call.app.store
    endpoint = store.get(ENDPOINT, call.account, call.region, request["EndpointName"])
    with store.edit(endpoint.uid) as draft:
        draft.status = DELETING
        draft.step(DELETING, "Removing the containers")
    reached("endpoint.delete.stored")
    publish(call.app)
    reached("endpoint.delete.routed")


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(call: Call[Studio], request: t.DescribeEndpointInputTypeDef) -> Response:
    """Return what an endpoint runs and how it is."""
    endpoint = call.app.store.get(ENDPOINT, call.account, call.region, request["EndpointName"])
    plan = _current(endpoint)
    wanted = target(endpoint) or plan
    answer = {
        **identity(endpoint),
        "EndpointConfigName": plan["EndpointConfigName"],
        "EndpointStatus": endpoint.status,
        "LastModifiedTime": timestamp(endpoint.modified),
        "ProductionVariants": [_variant(endpoint, plan, wanted, each) for each in plan["Variants"]],
    }
    reason = endpoint.facts.get("FailureReason")
    if endpoint.status == OUT_OF_SERVICE:
        reason = endpoint.facts.get("Crash")
    if reason:
        answer["FailureReason"] = reason
    if deployment := endpoint.wish.get("DeploymentConfig"):
        answer["LastDeploymentConfig"] = deployment
    if endpoint.status == UPDATING and wanted["Generation"] != plan["Generation"]:
        answer["PendingDeploymentSummary"] = _pending(endpoint, wanted)
    return answer


def _variant(
    endpoint: Resource, plan: Plan, wanted: Plan, variant: Mapping[str, Any]
) -> dict[str, Any]:
    goal = variant
    if wanted["Generation"] == plan["Generation"]:
        goal = next(each for each in wanted["Variants"] if each["Name"] == variant["Name"])
    return {
        "VariantName": variant["Name"],
        "DeployedImages": [_image(plan, variant)],
        "CurrentWeight": variant["Weight"],
        "DesiredWeight": goal["Weight"],
        "CurrentInstanceCount": len(healthy(endpoint, plan, variant["Name"])),
        "DesiredInstanceCount": goal["Count"],
    }


def _pending(endpoint: Resource, wanted: Plan) -> dict[str, Any]:
    return {
        "EndpointConfigName": wanted["EndpointConfigName"],
        "StartTime": timestamp(wanted["Requested"]),
        "ProductionVariants": [
            {
                "VariantName": variant["Name"],
                "DeployedImages": [_image(wanted, variant)],
                "DesiredWeight": variant["Weight"],
                "CurrentInstanceCount": len(healthy(endpoint, wanted, variant["Name"])),
                "DesiredInstanceCount": variant["Count"],
                "InstanceType": variant["InstanceType"],
            }
            for variant in wanted["Variants"]
        ],
    }


def _image(plan: Plan, variant: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "SpecifiedImage": variant["Container"]["Specified"],
        "ResolvedImage": variant["Container"]["Image"],
        "ResolutionTime": timestamp(plan["Requested"]),
    }


def _summary(endpoint: Resource) -> dict[str, Any]:
    return {
        **identity(endpoint),
        "LastModifiedTime": timestamp(endpoint.modified),
        "EndpointStatus": endpoint.status,
    }


_LISTING = Listing(ENDPOINT, "Endpoints", _summary)


@operation("sagemaker", "ListEndpoints")
def list_endpoints(call: Call[Studio], request: t.ListEndpointsInputTypeDef) -> Response:
    """List endpoints, the newest first."""
    return _LISTING.answer(call, request)


def _current(endpoint: Resource) -> Plan:
    """Return the plan in service, or the first one while it is being deployed."""
    plan: Plan = serving(endpoint) or endpoint.wish["Plan"]
    return plan


def _require_in_service(endpoint: Resource) -> None:
    if endpoint.status != IN_SERVICE:
        raise validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _enter_update(draft: Draft, message: str) -> None:
    draft.status = UPDATING
    draft.facts.pop("Rejected", None)
    draft.facts.pop("FailureReason", None)
    draft.step(UPDATING, message)


def _deployment(request: Mapping[str, Any]) -> dict[str, Any]:
    config = request.get("DeploymentConfig")
    return {"DeploymentConfig": config} if config else {}
