"""The defaults for XGBoost in script mode: a booster or a scikit-learn estimator predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import media
from . import formats, no_model_fn

model_fn = no_model_fn
output_fn = formats.encode
_JSON = (media.JSON, media.JSONLINES)


def input_fn(body: bytes | str, content_type: str) -> Any:  # noqa: ANN401 - what the body holds
    """Decode CSV or NPY into an array; JSON is left as it is."""
    kind, _ = media.parse(content_type)
    if kind in _JSON:
        return formats.parse_json(body if isinstance(body, str) else body.decode(), kind)
    return formats.decode(body, content_type)


def predict_fn(data: Any, model: Any) -> Any:  # noqa: ANN401 - the user's model
    """Call ``model.predict``, on a DMatrix where the model is an xgboost Booster."""
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost as xgb

        data = data if isinstance(data, xgb.DMatrix) else xgb.DMatrix(np.atleast_2d(data))
        return model.predict(data, validate_features=False)
    return model.predict(data)
