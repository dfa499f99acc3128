"""The endpoint configuration operations of the SageMaker API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._failpoints import reached
from ..core.listing import Listing, tag_map
from ..core.studio import Studio
from ..wire.errors import AWSError, validation_error
from ..wire.operation import Call, Response, operation
from .kinds import ENDPOINT_CONFIG, MODEL, identity

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as t

_LATER = (
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ShadowProductionVariants",
    "CrossRegionTrafficConfig",
)
_LATER_IN_VARIANT = (
    "InstancePools",
    "AcceleratorType",
    "CoreDumpConfig",
    "ManagedInstanceScaling",
    "CapacityReservationConfig",
    "AcceleratorPartitionLayouts",
)
_ROUTINGS = ("LEAST_OUTSTANDING_REQUESTS", "RANDOM")
_MEMORY_STEP = 1024


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(
    call: Call[Studio], request: t.CreateEndpointConfigInputTypeDef
) -> Response:
    """Store an endpoint configuration; nothing starts yet."""
    _check(call, request)
    config = call.app.store.create(
        ENDPOINT_CONFIG,
        call.account,
        call.region,
        request["EndpointConfigName"],
        wish={key: value for key, value in request.items() if key != "Tags"},
        status="Active",
        labels=tag_map(request.get("Tags")),
    )
    reached("endpoint-config.create.stored")
    return {"EndpointConfigArn": config.arn}


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(
    call: Call[Studio], request: t.DescribeEndpointConfigInputTypeDef
) -> Response:
    """Return an endpoint configuration as it was created."""
    name = request["EndpointConfigName"]
    config = call.app.store.get(ENDPOINT_CONFIG, call.account, call.region, name)
    variants = [{"InitialVariantWeight": 1.0, **each} for each in config.wish["ProductionVariants"]]
    return {
        "EnableNetworkIsolation": False,
        **config.wish,
        "ProductionVariants": variants,
        **identity(config),
    }


_LISTING = Listing(ENDPOINT_CONFIG, "EndpointConfigs", identity)


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(
    call: Call[Studio], request: t.ListEndpointConfigsInputTypeDef
) -> Response:
    """List endpoint configurations, the newest first."""
    return _LISTING.answer(call, request)


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(call: Call[Studio], request: t.DeleteEndpointConfigInputTypeDef) -> None:
    """Forget an endpoint configuration. Endpoints made from it go on."""
    name = request["EndpointConfigName"]
    config = call.app.store.get(ENDPOINT_CONFIG, call.account, call.region, name)
    call.app.store.delete(config.uid)


def _check(call: Call[Studio], request: Mapping[str, Any]) -> None:
    """Refuse what contradicts itself, and name what the studio cannot serve yet."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise validation_error(f"Duplicate variant names: {', '.join(sorted(names))}.")
    for variant in variants:
        _check_variant(call, variant)
    weights = [variant.get("InitialVariantWeight", 1.0) for variant in variants]
    if not any(weights):
        raise validation_error("At least one production variant must have a weight above 0.")
    for member in _LATER:
        if request.get(member):
            raise _unsupported(member)
    if request.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise _unsupported("DataCaptureConfig.EnableCapture")
    if len(variants) > 1:
        raise validation_error(
            "CreateEndpointConfig: this studio serves one production variant per endpoint for now; "
            f"ProductionVariants has {len(variants)}: {', '.join(names)}."
        )


def _check_variant(call: Call[Studio], variant: Mapping[str, Any]) -> None:
    name = variant["VariantName"]
    if serverless := variant.get("ServerlessConfig"):
        if variant.get("InstanceType") or variant.get("InitialInstanceCount"):
            raise validation_error(
                f"Variant {name}: ServerlessConfig excludes InstanceType and InitialInstanceCount."
            )
        if serverless["MemorySizeInMB"] % _MEMORY_STEP:
            raise validation_error(
                f"Variant {name}: MemorySizeInMB must be a multiple of {_MEMORY_STEP}."
            )
        raise _unsupported(f"ServerlessConfig (variant {name})")
    if not variant.get("ModelName"):
        raise _unsupported(f"variants without ModelName (variant {name})")
    for member in ("InstanceType", "InitialInstanceCount"):
        if not variant.get(member):
            raise validation_error(f"Variant {name}: {member} is required.")
    if not math.isfinite(variant.get("InitialVariantWeight", 1.0)):
        raise validation_error(f"Variant {name}: InitialVariantWeight must be a finite number.")
    for member in _LATER_IN_VARIANT:
        if variant.get(member):
            raise _unsupported(f"{member} (variant {name})")
    strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy", _ROUTINGS[0])
    if strategy not in _ROUTINGS:
        raise _unsupported(f"RoutingStrategy {strategy} (variant {name})")
    call.app.store.get(MODEL, call.account, call.region, variant["ModelName"])


def _unsupported(what: str) -> AWSError:
    return AWSError(
        "UnsupportedOperation", f"CreateEndpointConfig: this studio does not support {what} yet."
    )
