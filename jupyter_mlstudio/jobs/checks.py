"""What every kind of job refuses beyond the constraints in the service model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..core.studio import Studio
from ..core.volume import check_room
from ..wire.errors import AWSError, validation_error
from .hosts import count_hosts, hosts_of

MOST_HOSTS = 100
MOST_GIGABYTES = 16_384
"""What SageMaker gives a job as its volume at most."""
_RESERVED = re.compile(r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)")


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse variables that would replace the credentials of the job's role, or cannot be."""
    check_variables(environment)
    for name in environment:
        if _RESERVED.fullmatch(name):
            raise validation_error(
                f"Environment variable {name} is reserved: jobs get the credentials of their role."
            )


def check_variables(environment: Mapping[str, str]) -> None:
    """Refuse what no process can have as a variable."""
    for name, value in environment.items():
        if "\0" in value:
            raise validation_error(f"Environment variable {name} holds a NUL character.")


def check_command(algorithm: Mapping[str, Any], member: str) -> None:
    """Refuse what no process can be started with; ``member`` says where ``algorithm`` stands."""
    for name in ("ContainerEntrypoint", "ContainerArguments"):
        if any("\0" in word for word in algorithm.get(name, ())):
            raise validation_error(f"{member}.{name} holds a NUL character.")


def check_hosts(studio: Studio, resources: Mapping[str, Any], member: str) -> None:
    """Refuse instances that this machine can never give.

    ``member`` says where ``resources`` stand in the request. Raises ``ValidationException`` for
    what makes no sense, ``ResourceLimitExceeded`` for what there is not, ``UnsupportedOperation``
    for several instances without a container engine.
    """
    check_room(studio.settings)
    groups = resources.get("InstanceGroups")
    if groups and ("InstanceType" in resources or resources.get("InstanceCount")):
        raise validation_error(
            f"Provide either InstanceGroups or InstanceType with InstanceCount in {member}."
        )
    if not groups and "InstanceType" not in resources:
        raise validation_error(f"{member} must have InstanceType and InstanceCount.")
    for path, group in _counted(groups, resources, member):
        if group.get("InstanceCount", 1) < 1:
            raise validation_error(
                f"1 validation error detected: Value '{group['InstanceCount']}' at '{path}."
                "instanceCount' failed to satisfy constraint: Member must have value greater than "
                "or equal to 1"
            )
    names = [group["InstanceGroupName"] for group in groups or ()]
    if len(set(names)) < len(names):
        raise validation_error(f"The names of InstanceGroups in {member} must differ: {names}.")
    count = count_hosts(resources)
    if count > MOST_HOSTS:
        raise AWSError(
            "ResourceLimitExceeded",
            f"{member} asks for {count} instances; this studio runs at most {MOST_HOSTS}.",
        )
    if resources.get("VolumeSizeInGB", 0) > MOST_GIGABYTES:
        raise AWSError(
            "ResourceLimitExceeded",
            f"{member} asks for a volume of {resources['VolumeSizeInGB']} GB; a job has "
            f"{MOST_GIGABYTES} at most.",
        )
    hosts = hosts_of(resources)
    if len(hosts) > 1 and studio.engine.name == "process":
        raise AWSError(
            "UnsupportedOperation",
            "Several instances need a container engine: this studio runs jobs as plain processes.",
        )
    for host in hosts:
        studio.admission.check(host.instance_type, len(hosts))


def _counted(
    groups: list[Mapping[str, Any]] | None, resources: Mapping[str, Any], member: str
) -> list[tuple[str, Mapping[str, Any]]]:
    if not groups:
        return [(member, resources)]
    return [
        (f"{member}.instanceGroups.{number}.member", group)
        for number, group in enumerate(groups, 1)
    ]
