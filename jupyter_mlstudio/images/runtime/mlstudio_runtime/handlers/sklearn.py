"""The defaults of AWS's scikit-learn container: arrays in, ``predict``, arrays out."""

from __future__ import annotations

from typing import Any

from . import formats, no_model_fn

model_fn = no_model_fn
input_fn = formats.numbers
output_fn = formats.encode


def predict_fn(data: Any, model: Any) -> Any:  # noqa: ANN401 - the user's model
    """Call ``model.predict``."""
    return model.predict(data)
