"""Hyperparameters of the job: SageMaker's names and ranges, checked before any data is read."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from ..outcome import UserError
from . import metrics

Spec = dict[str, Any]

_UNSET = {"", "None", "null"}


def specifications() -> dict[str, Spec]:
    """Return every hyperparameter's name, type and range, by name."""
    document = json.loads(files(__package__).joinpath("hyperparameters.json").read_text())
    return {spec["name"]: spec for spec in document["parameters"]}


def validate(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters with their types, or say what is wrong with one.

    ``sagemaker_*`` entries, which SDKs add for themselves, are left out.

    Raises
    ------
    UserError
        Naming the hyperparameter, its value and what it may be.
    """
    specs = specifications()
    aliases = {spec["alias"]: name for name, spec in specs.items() if "alias" in spec}
    values: dict[str, Any] = {}
    for given, text in raw.items():
        name = aliases.get(given, given)
        if name.startswith("sagemaker_") or str(text).strip() in _UNSET:
            continue
        if name not in specs:
            raise UserError(_unknown(given, specs))
        if name in values:
            raise UserError(f"Hyperparameter '{name}' is set twice, also as '{given}'.")
        values[name] = _parse(specs[name], _plain(text))
    for name, spec in specs.items():
        if spec.get("required") and name not in values:
            raise UserError(f"Hyperparameter '{name}' is required and was not given.")
    _check_dependencies(values)
    return values


def booster_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the validated hyperparameters that are xgboost's own, for ``xgboost.train``."""
    specs = specifications()
    chosen = {name: value for name, value in values.items() if "use" not in specs[name]}
    if "updater" in chosen:
        chosen["updater"] = ",".join(chosen["updater"])
    if chosen.get("objective") == "reg:linear":
        chosen["objective"] = "reg:squarederror"
    return chosen


def requested_metrics(values: Mapping[str, Any]) -> list[str]:
    """Return ``eval_metric``, and the metric a tuning job looks at if it is not among them."""
    tuned = values.get("_tuning_objective_metric", "").rpartition(":")[2]
    names = [*values.get("eval_metric", []), *([tuned] if tuned else [])]
    # xgboost wants the variance power in this metric's name; SageMaker's name has none.
    power = f"tweedie-nloglik@{values.get('tweedie_variance_power', 1.5):g}"
    return list(dict.fromkeys(power if name == "tweedie-nloglik" else name for name in names))


def needs_sklearn(values: Mapping[str, Any]) -> bool:
    """Say whether the job computes anything with scikit-learn."""
    return "_kfold" in values or any(m in metrics.CUSTOM for m in requested_metrics(values))


def unused(values: Mapping[str, Any]) -> list[str]:
    """Return the given hyperparameters that this version of xgboost does not have."""
    specs = specifications()
    return [name for name in values if specs[name].get("use") == "none"]


def _unknown(name: str, specs: Mapping[str, Spec]) -> str:
    close = get_close_matches(name, specs, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"Hyperparameter '{name}' is not one of xgboost's.{hint}"


def _plain(value: object) -> str:
    """Undo the JSON quoting some SDKs give to every string."""
    text = str(value).strip()
    return str(json.loads(text)) if len(text) > 1 and text[0] == text[-1] == '"' else text


def _parse(spec: Spec, text: str) -> Any:  # noqa: ANN401 - the type is the specification's
    name = spec["name"]
    try:
        value = _CONVERTERS[spec["type"]](text)
    except (ValueError, SyntaxError, TypeError) as error:
        raise UserError(
            f"Hyperparameter '{name}': '{text}' is not {_EXPECTED[spec['type']]}."
        ) from error
    _check_range(spec, value)
    return value


def _check_range(spec: Spec, value: Any) -> None:  # noqa: ANN401 - the type is the specification's
    name, choices = spec["name"], spec.get("choices")
    if choices:
        wrong = [v for v in (value if isinstance(value, tuple) else (value,)) if v not in choices]
        if wrong:
            allowed = ", ".join(map(str, choices))
            raise UserError(f"Hyperparameter '{name}': '{wrong[0]}' is not one of {allowed}.")
    if (
        ("min" in spec and value < spec["min"])
        or ("max" in spec and value > spec["max"])
        or ("above" in spec and value <= spec["above"])
        or ("below" in spec and value >= spec["below"])
        or (isinstance(value, float) and value != value)
    ):
        raise UserError(f"Hyperparameter '{name}': {value} is not in {_interval(spec)}.")


def _interval(spec: Spec) -> str:
    low = f"[{spec['min']}" if "min" in spec else f"({spec.get('above', '-inf')}"
    high = f"{spec['max']}]" if "max" in spec else f"{spec.get('below', 'inf')})"
    return f"{low}, {high}"


def _integer(text: str) -> int:
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


def _comma_separated(text: str) -> list[str]:
    items = json.loads(text) if text.startswith("[") else text.split(",")
    return [str(item).strip() for item in items if str(item).strip()]


def _tuple(text: str) -> tuple[int, ...]:
    return tuple(int(item) for item in literal_eval(text if "," in text else f"{text},"))


def _nested(text: str) -> list[list[int]]:
    value = json.loads(text)
    if not all(isinstance(group, list) and all(type(i) is int for i in group) for group in value):
        raise ValueError(text)
    return [list(group) for group in value]


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "float": float,
    "categorical": str,
    "text": str,
    "list": _comma_separated,
    "tuple": _tuple,
    "nested": _nested,
}
_EXPECTED = {
    "integer": "an integer",
    "float": "a number",
    "list": "a comma-separated list",
    "tuple": "a tuple of integers such as (0, 1)",
    "nested": "a nested list of integers such as [[1, 2], [3, 4]]",
}


def _check_dependencies(values: Mapping[str, Any]) -> None:
    objective = values.get("objective", "reg:squarederror")
    if objective.startswith("multi:") and "num_class" not in values:
        raise UserError(f"Hyperparameter 'num_class' is required with objective '{objective}'.")
    if "num_class" in values and not objective.startswith("multi:"):
        raise UserError(
            f"Hyperparameter 'num_class' is for multi-class objectives, not for '{objective}'."
        )
    gpu = values.get("tree_method") == "gpu_hist" or values.get("use_dask_gpu_training") == "true"
    if gpu:
        raise UserError("Hyperparameter 'tree_method': this image has no GPU; use 'hist'.")
    for metric in requested_metrics(values):
        metrics.check(metric, objective)
