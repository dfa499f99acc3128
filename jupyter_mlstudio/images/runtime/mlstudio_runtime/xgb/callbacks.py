"""What happens between two boosting rounds: log lines, checkpoints, the end on SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import xgboost as xgb

CHECKPOINT = "xgboost-checkpoint"
_KEPT = 5


class LogEvaluation(xgb.callback.TrainingCallback):
    """Print ``[3]#011train-rmse:1.2#011validation-rmse:1.4``, as SageMaker's log shows it."""

    def __init__(self, first_round: int = 0) -> None:
        super().__init__()
        self._offset = first_round

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401 - xgboost's interface
        scores = {
            f"{data}-{metric}": values[-1]
            for data, metrics in evals_log.items()
            for metric, values in metrics.items()
        }
        print(log_line(epoch + self._offset, scores), flush=True)
        return False


def log_line(number: int, scores: dict[str, Any]) -> str:
    """Return one line of scores; ``#011`` is how SageMaker's log writes a tab."""
    return "#011".join([f"[{number}]", *(f"{name}:{value:.5f}" for name, value in scores.items())])


class Checkpoints(xgb.callback.TrainingCallback):
    """Save the model as it grows, so that a job that is begun again goes on where it was.

    Saving takes at most a tenth of the time: a model that takes long to save is saved less often.
    """

    def __init__(self, folder: Path, first_round: int) -> None:
        super().__init__()
        self._folder = folder
        self._offset = first_round
        self._not_before = 0.0

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401 - xgboost's interface
        begin = time.monotonic()
        if begin >= self._not_before:
            save(model, self._folder / f"{CHECKPOINT}.{epoch + self._offset}")
            for path in _saved(self._folder)[:-_KEPT]:
                path.unlink()
            end = time.monotonic()
            self._not_before = end + 10 * (end - begin)
        return False


class StopOnTermination(xgb.callback.TrainingCallback):
    """End training after the round during which SIGTERM came, so that the model is saved."""

    def __init__(self) -> None:
        super().__init__()
        self.requested = False
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, _signal: int, _frame: FrameType | None) -> None:
        self.requested = True

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401 - xgboost's interface
        return self.requested


def exit_on_termination() -> None:
    """Make SIGTERM end this process even where it is a container's first one."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def latest_checkpoint(folder: Path) -> tuple[Path | None, int]:
    """Return the newest checkpoint and the number of rounds it has behind it."""
    saved = _saved(folder)
    return (saved[-1], _round(saved[-1]) + 1) if saved else (None, 0)


def save(model: Any, path: Path) -> None:  # noqa: ANN401 - Booster
    """Write a model as UBJSON; a reader finds the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(model.save_raw("ubj"))
    os.replace(temporary, path)


def _saved(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(f"{CHECKPOINT}.*") if _round(path) >= 0]
    return sorted(found, key=_round)


def _round(path: Path) -> int:
    match = re.fullmatch(rf"{CHECKPOINT}\.(\d+)", path.name)
    return int(match[1]) if match else -1
