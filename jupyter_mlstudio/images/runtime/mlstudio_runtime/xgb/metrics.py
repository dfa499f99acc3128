"""Evaluation metrics: xgboost's own, and those SageMaker adds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numpy.typing import NDArray

from ..outcome import UserError

Array = NDArray[Any]
NATIVE = [
    "aft-nloglik",
    "auc",
    "aucpr",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "map",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "ndcg",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
]
MAXIMISED = frozenset(
    [
        "accuracy",
        "auc",
        "aucpr",
        "balanced_accuracy",
        "f1",
        "f1_binary",
        "f1_macro",
        "map",
        "ndcg",
        "precision",
        "precision_macro",
        "precision_micro",
        "recall",
        "recall_macro",
        "recall_micro",
        "r2",
        "interval-regression-accuracy",
    ]
)
_WITH_THRESHOLD = frozenset({"error", "map", "ndcg", "tweedie-nloglik"})


# Names of scikit-learn's functions: a job that needs none of them starts without importing it.
_OF_LABELS: dict[str, tuple[str, str | None]] = {
    "accuracy": ("accuracy_score", None),
    "balanced_accuracy": ("balanced_accuracy_score", None),
    "f1": ("f1_score", "macro"),
    "f1_binary": ("f1_score", "binary"),
    "f1_macro": ("f1_score", "macro"),
    "precision": ("precision_score", "binary"),
    "precision_macro": ("precision_score", "macro"),
    "precision_micro": ("precision_score", "micro"),
    "recall": ("recall_score", "binary"),
    "recall_macro": ("recall_score", "macro"),
    "recall_micro": ("recall_score", "micro"),
}
_OF_VALUES = {"mse": "mean_squared_error", "r2": "r2_score"}
_BINARY_ONLY = frozenset({"f1_binary", "precision", "recall"})
CUSTOM = (*_OF_LABELS, *_OF_VALUES)


def check(metric: str, objective: str) -> None:
    """Raise :class:`UserError` unless the metric exists and can be used with the objective."""
    name, at, threshold = metric.partition("@")
    classifies = objective.startswith(("binary:", "multi:"))
    if name not in NATIVE and name not in CUSTOM:
        known = ", ".join(sorted([*NATIVE, *CUSTOM]))
        raise UserError(f"Hyperparameter 'eval_metric': '{metric}' is not one of {known}.")
    if at and not (name in _WITH_THRESHOLD and _is_number(threshold)):
        raise UserError(
            f"Hyperparameter 'eval_metric': '{metric}' takes no threshold, or not this one."
        )
    if name in _OF_LABELS and not classifies:
        raise UserError(
            f"Hyperparameter 'eval_metric': '{metric}' is for classification, not '{objective}'."
        )
    if name in _BINARY_ONLY and objective.startswith("multi:"):
        raise UserError(
            f"Hyperparameter 'eval_metric': '{metric}' is for two classes; with '{objective}' "
            f"use '{name.removesuffix('_binary')}_macro'."
        )
    if name == "auc" and not (classifies or objective.startswith("rank:")):
        raise UserError("Hyperparameter 'eval_metric': 'auc' is for classification and ranking.")
    if name == "aft-nloglik" and objective != "survival:aft":
        raise UserError("Hyperparameter 'eval_metric': 'aft-nloglik' needs 'survival:aft'.")


def is_maximised(metric: str) -> bool:
    """Say whether more of the metric is better."""
    return metric.partition("@")[0] in MAXIMISED


def split(requested: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return xgboost's own metrics, then SageMaker's, each once, in the order given."""
    unique = list(dict.fromkeys(requested))
    return [m for m in unique if m not in CUSTOM], [m for m in unique if m in CUSTOM]


def evaluator(
    names: Iterable[str], objective: str
) -> Callable[[Array, Any], list[tuple[str, float]]]:
    """Return a function for ``xgboost.train(custom_metric=...)`` that computes ``names``."""
    from sklearn import metrics as sklearn

    from .predict import predicted_labels

    chosen = list(names)

    def score(name: str, truth: Array, predictions: Array, weights: Array | None) -> float:
        if name in _OF_VALUES:
            return float(
                getattr(sklearn, _OF_VALUES[name])(truth, predictions, sample_weight=weights)
            )
        function, average = _OF_LABELS[name]
        options = {"average": average, "zero_division": 0} if average else {}
        labels = predicted_labels(predictions, objective)
        return float(getattr(sklearn, function)(truth, labels, sample_weight=weights, **options))

    def evaluate(predictions: Array, matrix: Any) -> list[tuple[str, float]]:  # noqa: ANN401 - DMatrix
        weights = matrix.get_weight() if matrix.get_weight().size else None
        return [(name, score(name, matrix.get_label(), predictions, weights)) for name in chosen]

    return evaluate


def _is_number(text: str) -> bool:
    try:
        float(text.removesuffix("-"))
    except ValueError:
        return False
    return True
