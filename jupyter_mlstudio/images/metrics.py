"""Metric definitions that SageMaker gives its built-in algorithms.

A user who trains a built-in algorithm defines no metrics: the platform reads the lines that the
algorithm is known to print. Names and directions are in AWS's developer guide, "Metrics Computed
by the XGBoost Algorithm".
"""

from __future__ import annotations

from collections.abc import Mapping

from .build import image_for

MARK = "#011"
"""What every line has that a built-in expression matches."""
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_XGBOOST = [
    "accuracy",
    "aft-nloglik",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "cox-nloglik",
    "error",
    "f1",
    "f1_binary",
    "f1_macro",
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
    "mse",
    "ndcg",
    "poisson-nloglik",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
]


def builtin_definitions(uri: str, hyperparameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Return Name/Regex pairs for a job on ``uri``; none in script mode or on a user's image."""
    image = image_for(uri) or ""
    if "xgboost" not in image or "sagemaker_program" in hyperparameters:
        return []
    return [
        {
            "Name": f"{part}:{metric}",
            "Regex": rf"\[[0-9]+\].*{MARK}{part}-{metric}(?:@[^:]*)?:{_NUMBER}",
        }
        for part in ("train", "validation")
        for metric in _XGBOOST
    ]
