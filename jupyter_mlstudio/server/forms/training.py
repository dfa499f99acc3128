"""What can be trained with: the studio's images and what they are told."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from ...images.catalogue import REPOSITORY, expressions, names

Document = dict[str, Any]

_RUNTIME = "jupyter_mlstudio.images.runtime.mlstudio_runtime"
_ALGORITHMS = {"xgboost": "xgb"}
"""Images with an algorithm of their own, and the folder of the runtime it is in."""


@cache
def images() -> list[Document]:
    """Return the studio's images.

    Each has ``name``, ``uri`` as requests give it, ``aliases`` (regular expressions of the whole
    URIs it stands for), and ``hyperparameters`` where it has an algorithm of its own that runs
    without a script.
    """
    return [
        {
            "name": name,
            "uri": f"{REPOSITORY}/{name}:latest",
            "aliases": expressions(f"{REPOSITORY}/{name}:latest"),
            "hyperparameters": _hyperparameters(_ALGORITHMS.get(name)),
        }
        for name in names()
    ]


def _hyperparameters(algorithm: str | None) -> list[Document] | None:
    """Return those of an algorithm; what the job takes but the algorithm ignores is left out."""
    if algorithm is None:
        return None
    text = files(f"{_RUNTIME}.{algorithm}").joinpath("hyperparameters.json").read_text()
    known = json.loads(text)["parameters"]
    return [
        each for each in known if each.get("use") != "none" and not each["name"].startswith("_")
    ]
