"""The instance types that only a studio has: ``local`` and ``local_gpu``, the whole machine."""

from __future__ import annotations

from ..compute.instances import LOCAL, LOCAL_GPU
from ..wire.validate import extend_enum

_SHAPES = (
    "TrainingInstanceType",
    "ProcessingInstanceType",
    "TransformInstanceType",
    "ProductionVariantInstanceType",
)


def allow() -> None:
    """Have requests with these types pass validation. Safe to repeat."""
    for shape in _SHAPES:
        extend_enum("sagemaker", shape, (LOCAL, LOCAL_GPU))
