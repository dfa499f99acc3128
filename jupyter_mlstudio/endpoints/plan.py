"""What an endpoint is to run: its configuration, models and packages, resolved once.

A plan is taken when an endpoint is created or updated. Models, packages and configurations may be
deleted afterwards: the endpoint goes on from its plan, as on SageMaker. It is a JSON document::

    {"Generation": 1, "EndpointConfigName": "c", "Requested": 1700000000.0, "Linger": 0,
     "Variants": [{"Name": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large",
                   "Count": 1, "Weight": 1.0, "Startup": 480, "Isolated": false,
                   "Container": {"Specified": …, "Image": …, "Environment": {…},
                                 "Hostname": "primary", "ModelData": {"Uri": …, "Form": …}}}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.clock import moment, now
from ..core.store import Resource
from ..core.studio import Studio
from ..core.volume import check_room
from ..wire.errors import AWSError
from .containers import check_definitions, resolve
from .kinds import ENDPOINT_CONFIG, MODEL

Plan = dict[str, Any]

STARTUP_SECONDS = 480
"""How long a container may take until it answers its first ping, unless the variant says."""


MOST_INSTANCES = 100
"""Replicas that a variant may have."""


def check_count(variant: str, count: int) -> None:
    """Raise ``ResourceLimitExceeded`` for more replicas than a variant may have."""
    if count > MOST_INSTANCES:
        raise AWSError(
            "ResourceLimitExceeded",
            f"Variant {variant} asks for {count} instances; this studio runs at most "
            f"{MOST_INSTANCES}.",
        )


def make_plan(
    studio: Studio, account: str, region: str, request: Mapping[str, Any], generation: int
) -> tuple[Plan, str | None]:
    """Resolve a CreateEndpoint or UpdateEndpoint request; also return the role of its model.

    Raises
    ------
    AWSError
        ``ValidationException`` where configuration, model, package or data is missing;
        ``ResourceLimitExceeded`` where this machine never has the instances.
    """
    check_room(studio.settings)
    config = studio.store.get(ENDPOINT_CONFIG, account, region, request["EndpointConfigName"])
    pairs = [_variant(studio, config, each) for each in config.wish["ProductionVariants"]]
    plan = {
        "Generation": generation,
        "EndpointConfigName": config.name,
        "Requested": now(),
        "Asked": moment(),
        "Linger": _linger(request.get("DeploymentConfig", {})),
        "Variants": [variant for variant, _ in pairs],
    }
    return plan, config.wish.get("ExecutionRoleArn") or pairs[0][1]


def _variant(
    studio: Studio, config: Resource, wish: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    account, region = config.account, config.region
    model = studio.store.get(MODEL, account, region, wish["ModelName"])
    studio.admission.check(wish["InstanceType"])
    check_count(wish["VariantName"], wish["InitialInstanceCount"])
    isolated = model.wish.get("EnableNetworkIsolation") or config.wish.get("EnableNetworkIsolation")
    variant = {
        "Name": wish["VariantName"],
        "ModelName": model.name,
        "InstanceType": wish["InstanceType"],
        "Count": wish["InitialInstanceCount"],
        "Weight": wish.get("InitialVariantWeight", 1.0),
        "Startup": wish.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS),
        "Isolated": bool(isolated),
        "Container": resolve(studio, account, region, check_definitions(model.wish)),
    }
    return variant, model.wish.get("ExecutionRoleArn")


def _linger(deployment: Mapping[str, Any]) -> int:
    """Return how many seconds the old replicas stay after traffic has left them."""
    blue_green = deployment.get("BlueGreenUpdatePolicy", {})
    routing = blue_green.get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    for member, wanted in (
        ("RollingUpdatePolicy", deployment.get("RollingUpdatePolicy")),
        (
            "AutoRollbackConfiguration",
            deployment.get("AutoRollbackConfiguration", {}).get("Alarms"),
        ),
        (f"TrafficRoutingConfiguration.Type {routing}", routing != "ALL_AT_ONCE"),
    ):
        if wanted:
            message = f"DeploymentConfig: this studio does not support {member} yet."
            raise AWSError("UnsupportedOperation", message)
    return int(blue_green.get("TerminationWaitInSeconds", 0))


def retain(plan: Plan, before: Plan, excluded: set[str]) -> None:
    """Take weights and counts over from the plan before, but for the ``excluded`` properties."""
    known = {variant["Name"]: variant for variant in before["Variants"]}
    for variant in plan["Variants"]:
        for member, name in (("Count", "DesiredInstanceCount"), ("Weight", "DesiredWeight")):
            if variant["Name"] in known and name not in excluded:
                variant[member] = known[variant["Name"]][member]


def target(endpoint: Resource) -> Plan | None:
    """Return what the endpoint should come to run: its plan, or the last one that worked.

    None when nothing ever worked.
    """
    plan: Plan = endpoint.wish["Plan"]
    if endpoint.facts.get("Rejected") == plan["Generation"]:
        return serving(endpoint)
    return plan


def serving(endpoint: Resource) -> Plan | None:
    """Return the plan that gets traffic, None before the first."""
    return endpoint.facts.get("Serving")
