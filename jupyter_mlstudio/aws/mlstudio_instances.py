"""Which instance types there are, and what they mean on the studio's machine."""

from __future__ import annotations

from typing import Any

from ..compute.instances import LOCAL, LOCAL_GPU, instance_type
from ..core.studio import Studio
from ..wire.errors import AWSError
from ..wire.operation import Call, Request, Response, operation
from ..wire.services import operation_model

NOTE = 1024


@operation("mlstudio", "ListInstanceTypes")
def list_instance_types(call: Call[Studio], request: Request) -> Response:
    """List the instance types of training jobs, and what this machine gives of each."""
    names = [LOCAL, LOCAL_GPU, *_of_sagemaker()]
    return {"InstanceTypes": [_document(call.app, name) for name in names]}


def _of_sagemaker() -> list[str]:
    """Return the names that CreateTrainingJob takes and we know the size of."""
    model = operation_model("sagemaker", "CreateTrainingJob")
    resources: Any = model.input_shape and model.input_shape.members["ResourceConfig"]
    return [name for name in resources.members["InstanceType"].enum if _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        instance_type(name)
    except AWSError:
        return False
    return True


def _document(studio: Studio, name: str) -> dict[str, Any]:
    document: dict[str, Any] = {"InstanceType": name, "FitsNow": False}
    if name not in (LOCAL, LOCAL_GPU):
        wanted = instance_type(name)
        document |= {
            "VCpus": wanted.vcpus,
            "MemoryInBytes": wanted.memory,
            "Gpus": wanted.gpus,
        }
    try:
        limits = studio.admission.limits(name)
    except AWSError as error:
        return {**document, "Refusal": error.message[:NOTE]}
    return {
        **document,
        "GivenVCpus": limits.cpus or 0.0,
        "GivenMemoryInBytes": limits.memory or 0,
        "FitsNow": studio.admission.has_room(limits),
    }
