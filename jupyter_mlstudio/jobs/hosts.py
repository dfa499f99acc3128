"""The instances of a job: ``algo-1`` to ``algo-n``, in one group or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOMOGENEOUS = "homogeneousCluster"
INTERFACE = "eth0"


@dataclass(frozen=True, slots=True)
class Host:
    """One instance of a job; ``number`` counts from 1."""

    number: int
    instance_type: str
    group: str = HOMOGENEOUS

    @property
    def name(self) -> str:
        """The host name in the job's network."""
        return f"algo-{self.number}"

    @property
    def part(self) -> str:
        """What names its container and its folder within the job."""
        return str(self.number)


def count_hosts(resources: Mapping[str, Any]) -> int:
    """Return how many hosts are asked for, without making any."""
    groups = resources.get("InstanceGroups") or [resources]
    return sum(group.get("InstanceCount", 1) for group in groups)


def hosts_of(resources: Mapping[str, Any]) -> list[Host]:
    """Return the hosts that a ``ResourceConfig`` or ``ClusterConfig`` asks for, in their order."""
    groups = resources.get("InstanceGroups") or [{"InstanceGroupName": HOMOGENEOUS, **resources}]
    types = [
        (group["InstanceType"], group["InstanceGroupName"])
        for group in groups
        for _ in range(group.get("InstanceCount", 1))
    ]
    return [Host(number, *names) for number, names in enumerate(types, 1)]


def resource_config(hosts: Sequence[Host], host: Host) -> dict[str, Any]:
    """Return the ``resourceconfig.json`` of one host."""
    groups: dict[str, dict[str, Any]] = {}
    for other in hosts:
        group = groups.setdefault(
            other.group,
            {
                "instance_group_name": other.group,
                "instance_type": other.instance_type,
                "hosts": [],
            },
        )
        group["hosts"].append(other.name)
    return {
        "current_host": host.name,
        "current_instance_type": host.instance_type,
        "current_group_name": host.group,
        "hosts": sorted(other.name for other in hosts),
        "instance_groups": list(groups.values()),
        "network_interface_name": INTERFACE,
    }
