"""What CreateTrainingJob refuses beyond the constraints in the service model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import regex

from ...core.studio import Studio
from ...wire.errors import AWSError, validation_error
from ..checks import check_command, check_environment, check_hosts
from ..hosts import count_hosts
from ..images import resolve_image
from ..inputs.checks import check_channels
from .folders import check_folders


def check(studio: Studio, request: Mapping[str, Any]) -> None:
    """Refuse a job that could never run.

    Raises
    ------
    AWSError
        ``ValidationException`` for what SageMaker refuses too, ``ResourceLimitExceeded`` for what
        this machine never has, ``UnsupportedOperation`` naming what the studio cannot do yet.
    """
    _check_algorithm(studio, request["AlgorithmSpecification"])
    for what in _unsupported(request):
        raise AWSError(
            "UnsupportedOperation", f"CreateTrainingJob: this studio does not support {what} yet."
        )
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    instance_groups = request["ResourceConfig"].get("InstanceGroups", [])
    groups = [group["InstanceGroupName"] for group in instance_groups]
    check_channels(request.get("InputDataConfig", []), mode, groups)
    check_folders(request)
    check_environment(request.get("Environment", {}))
    check_command(request["AlgorithmSpecification"], "AlgorithmSpecification")
    stopping = request.get("StoppingCondition", {})
    wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds")
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is "
            "set to true"
        )
    if wait is not None and run is not None and wait < run:
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be equal to or greater than MaxRuntimeInSeconds."
        )
    check_hosts(studio, request["ResourceConfig"], "resourceConfig")


def _check_algorithm(studio: Studio, algorithm: Mapping[str, Any]) -> None:
    image, name = algorithm.get("TrainingImage"), algorithm.get("AlgorithmName")
    if bool(image) == bool(name):
        raise validation_error(
            "Provide exactly one of TrainingImage and AlgorithmName in AlgorithmSpecification."
        )
    if name:
        raise AWSError(
            "UnsupportedOperation",
            f"CreateTrainingJob: algorithm resources ({name}) are not supported by this studio "
            "yet; name its image in AlgorithmSpecification.TrainingImage.",
        )
    resolve_image(studio, str(image))
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            regex.compile(definition["Regex"])
        except regex.error as error:
            raise validation_error(
                f"Invalid regular expression for metric {definition['Name']}: {error}"
            ) from error


def _unsupported(request: Mapping[str, Any]) -> Iterator[str]:
    resources = request["ResourceConfig"]
    for member in ("TrainingPlanArn", "InstancePreferences"):
        if resources.get(member):
            yield f"ResourceConfig.{member}"
    if resources.get("KeepAlivePeriodInSeconds") and count_hosts(resources) > 1:
        yield "ResourceConfig.KeepAlivePeriodInSeconds with several instances"
    if request.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        yield "RemoteDebugConfig.EnableRemoteDebug"
    for member in ("ServerlessJobConfig", "MlflowConfig", "ModelPackageConfig"):
        if request.get(member):
            yield member
    if "StoppingCondition" not in request:
        raise validation_error("StoppingCondition is required.")
