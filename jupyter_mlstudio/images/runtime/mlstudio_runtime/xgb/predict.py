"""Loading trained models and predicting with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from ..tabular import Features

Array = NDArray[Any]

_VOTED = frozenset({"multi:softmax", "binary:hinge"})


class Ensemble:
    """The models of one training job: one, or one a fold.

    ``objective``, ``num_class`` and ``width``, the number of features, are those of the first.
    """

    def __init__(self, boosters: list[xgb.Booster]) -> None:
        self._boosters = boosters
        learner = json.loads(boosters[0].save_config())["learner"]
        self.objective = str(learner["objective"]["name"])
        self.num_class = int(learner["learner_model_param"]["num_class"])
        self.width = int(boosters[0].num_features())

    @classmethod
    def load(cls, folder: Path) -> Ensemble:
        """Load every model file of a folder, whatever it is called.

        Raises
        ------
        RuntimeError
            There is no model, or xgboost cannot read one.
        """
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        if not files:
            raise RuntimeError(f"There is no model in '{folder}'.")
        return cls([_load(path) for path in files])

    def predict(self, features: Features) -> Array:
        """Return predictions of shape (n,), or (n, classes) for ``multi:softprob``."""
        matrix = xgb.DMatrix(features)
        return combine(
            [booster.predict(matrix, validate_features=False) for booster in self._boosters],
            self.objective,
        )


def combine(predictions: list[Array], objective: str) -> Array:
    """Merge the predictions of several models: the mean, or the vote where they are classes."""
    if len(predictions) == 1:
        return predictions[0]
    stacked = np.stack(predictions)
    if objective not in _VOTED:
        return np.asarray(stacked.mean(axis=0))
    classes = np.unique(stacked)
    votes = (stacked[None] == classes[:, None, None]).sum(axis=1)
    return np.asarray(classes[votes.argmax(axis=0)])


def predicted_labels(predictions: Array, objective: str) -> Array:
    """Return the class each prediction stands for, of shape (n,)."""
    if predictions.ndim == 2:
        return np.asarray(predictions.argmax(axis=1))
    if objective.startswith("multi:"):
        return predictions
    threshold = 0.0 if objective == "binary:logitraw" else 0.5
    return (predictions > threshold).astype(np.float32)


def _load(path: Path) -> xgb.Booster:
    try:
        return xgb.Booster(model_file=bytearray(path.read_bytes()))
    except xgb.core.XGBoostError as error:
        raise RuntimeError(
            f"'{path.name}' is not a model xgboost {xgb.__version__} can read (UBJSON or JSON): "
            f"{str(error).splitlines()[0]}"
        ) from error
