"""What a trial component is to the store."""

from __future__ import annotations

from ..core.kinds import Kind, Refusal

TRIAL_COMPONENT = Kind(
    name="ExperimentTrialComponent",
    path="experiment-trial-component",
    missing=Refusal("ResourceNotFound", "Trial Component '{name}' does not exist."),
    taken=Refusal("ValidationException", "Trial Component '{name}' already exists."),
)
