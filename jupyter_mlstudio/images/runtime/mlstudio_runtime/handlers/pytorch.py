"""The defaults of AWS's PyTorch container: tensors in, a TorchScript module called, tensors out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from .. import media
from ..server.app import RequestError
from . import formats

_MODEL = "model.pt"
_TENSOR = "tensor/pt"
"""What the SageMaker SDK's serializer of tensors sends."""


def device() -> torch.device:
    """Return the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def gpu() -> int | None:
    """Return what inference code finds as ``gpu_id`` in its context."""
    return 0 if torch.cuda.is_available() else None


def model_fn(model_dir: str) -> Any:  # noqa: ANN401 - a scripted module
    """Load ``model.pt``, or the one file ending in ``.pt`` or ``.pth``, as TorchScript.

    Raises
    ------
    RuntimeError
        There is no such file, or it is something else.
    """
    path = Path(model_dir) / _MODEL
    if not path.exists():
        found = sorted(p for p in Path(model_dir).iterdir() if p.suffix in (".pt", ".pth"))
        if len(found) != 1:
            names = ", ".join(p.name for p in found) or "none"
            raise RuntimeError(
                f"Without a model_fn '{model_dir}' must have one file ending in .pt or .pth, a "
                f"TorchScript module. It has {names}."
            )
        path = found[0]
    try:
        return torch.jit.load(path, map_location=device()).eval()
    except RuntimeError as error:
        raise RuntimeError(
            f"'{path.name}' is not TorchScript: save it with torch.jit.save, or define model_fn "
            f"in 'code/inference.py'. {str(error).splitlines()[0]}"
        ) from error


def input_fn(body: bytes | str, content_type: str) -> torch.Tensor:
    """Decode a body into a tensor: float32 from text, as it is from NPY and ``tensor/pt``."""
    kind, _ = media.parse(content_type)
    if kind == _TENSOR:
        return _tensor(body).to(device())
    return torch.from_numpy(formats.numbers(body, content_type)).to(device())


def predict_fn(data: Any, model: Any) -> Any:  # noqa: ANN401 - the user's model
    """Call the model without recording gradients."""
    if isinstance(model, torch.nn.Module):
        model.to(device()).eval()
    with torch.no_grad():
        return model(data.to(device()) if isinstance(data, torch.Tensor) else data)


def output_fn(prediction: Any, accept: str) -> tuple[bytes, str]:  # noqa: ANN401 - what the model returned
    """Encode a tensor, or anything JSON has with tensors in it."""
    if media.parse(accept.partition(",")[0])[0] == _TENSOR:
        out = io.BytesIO()
        torch.save(prediction, out)
        return out.getvalue(), _TENSOR
    if isinstance(prediction, torch.Tensor):
        prediction = prediction.detach().cpu()
        # NumPy has no bfloat16.
        prediction = prediction.float() if prediction.dtype == torch.bfloat16 else prediction
        prediction = prediction.numpy()
    return formats.encode(prediction, accept)


def _tensor(body: bytes | str) -> torch.Tensor:
    try:
        value = torch.load(
            io.BytesIO(body if isinstance(body, bytes) else body.encode()),
            map_location="cpu",
            weights_only=True,
        )
    except Exception as error:
        raise RequestError(400, f"The payload cannot be read as {_TENSOR}: {error}.") from error
    if not isinstance(value, torch.Tensor):
        raise RequestError(400, f"The payload is no tensor but a {type(value).__name__}.")
    return value
