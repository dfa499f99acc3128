"""What serves where the user's inference code leaves a function out, for each framework.

The functions are those of AWS's inference toolkits for scikit-learn and PyTorch.
"""

from __future__ import annotations

from typing import NoReturn


def no_model_fn(model_dir: str) -> NoReturn:
    """Say that only the user's code knows how to load this framework's models."""
    raise NotImplementedError(
        f"The inference code must define model_fn, to load '{model_dir}'. It is 'inference.py' "
        "in the folder 'code' of model.tar.gz, or what SAGEMAKER_PROGRAM names."
    )
