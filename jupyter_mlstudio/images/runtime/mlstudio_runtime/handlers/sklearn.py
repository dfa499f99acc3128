"""The defaults of AWS's scikit-learn container: arrays in, ``predict``, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import media
from . import formats, no_model_fn

model_fn = no_model_fn
output_fn = formats.encode


def input_fn(body: bytes | str, content_type: str) -> NDArray[Any]:
    """Decode a body into an array: float32 from text, as it is from NPY."""
    array = formats.decode(body, content_type)
    text = media.parse(content_type)[0] in formats.TEXT
    return array.astype(np.float32) if text else array


def predict_fn(data: Any, model: Any) -> Any:  # noqa: ANN401 - the user's model
    """Call ``model.predict``."""
    return model.predict(data)
