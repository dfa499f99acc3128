"""What a serving container finds: its model, its environment and its port."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from pathlib import Path

from ..compute.protocol import ContainerSpec, Folder, Limits, NetworkMode
from ..core.controllers import KIND_LABEL, UID_LABEL
from ..core.environment import container_environment
from ..core.store import Resource
from ..core.studio import Studio
from .slots import Slot, part_of

PORT = 8080
PING_SECONDS = 2.0


def container_spec(
    studio: Studio, endpoint: Resource, slot: Slot, model: Path | None, limits: Limits
) -> ContainerSpec:
    """Describe the container of a slot. ``model`` is the folder of its model data.

    Source: "Use Your Own Inference Code with Hosting Services" in AWS's developer guide.
    """
    part = part_of(endpoint, slot)
    base = studio.run_folder(endpoint, part)
    if model is None:
        model = base / "empty"
    model.mkdir(parents=True, exist_ok=True)
    container = slot.variant["Container"]
    network = NetworkMode.INTERNAL if slot.variant["Isolated"] else NetworkMode.STUDIO
    return ContainerSpec(
        name=studio.container_name(endpoint, part),
        image=container["Image"],
        base=base,
        labels={UID_LABEL: endpoint.uid, KIND_LABEL: endpoint.kind},
        command=["serve"],
        environment={
            "SAGEMAKER_BIND_TO_PORT": str(PORT),
            **container["Environment"],
            **container_environment(studio, endpoint, network),
            "SAGEMAKER_REGION": endpoint.region,
        },
        mounts=[Folder(model, "/opt/ml/model", read_only=True)],
        limits=limits,
        network=network,
        port=PORT,
    )


def answers_ping(address: tuple[str, int]) -> bool:
    """Say whether ``GET /ping`` gives 200 within two seconds."""
    connection = HTTPConnection(*address, timeout=PING_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
