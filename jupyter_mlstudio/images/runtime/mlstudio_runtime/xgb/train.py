"""Training with the built-in algorithm XGBoost."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from .. import paths
from ..outcome import UserError
from ..tabular import Table, concatenate, read_channel
from . import hyperparameters, metrics
from .callbacks import (
    Checkpoints,
    LogEvaluation,
    StopOnTermination,
    exit_on_termination,
    latest_checkpoint,
    log_line,
    save,
)
from .predict import combine, predicted_labels

MODEL = "xgboost-model"
TRAIN, VALIDATION = "train", "validation"
_COPIED = 1 << 20
_ZERO_TO_ONE = frozenset({"binary:logistic", "binary:logitraw", "binary:hinge", "reg:logistic"})

Values = dict[str, Any]
Array = NDArray[Any]


def run_algorithm(values: Values) -> int:
    """Train with validated hyperparameters on the job's channels and save the model.

    Returns
    -------
    The exit status, 0.

    Raises
    ------
    UserError
        The job cannot be trained as it is.
    """
    exit_on_termination()
    for name in hyperparameters.unused(values):
        print(f"WARNING: xgboost {xgb.__version__} does not use '{name}'.", flush=True)
    _check_hosts()
    channels = paths.read_config("inputdataconfig.json")
    if TRAIN not in channels:
        raise UserError("Channel 'train' is required and was not given.")
    weighted = values.get("csv_weights") == 1
    train = _read(TRAIN, channels, weighted)
    validation = _read(VALIDATION, channels, weighted) if VALIDATION in channels else None
    for name, table in ((TRAIN, train), (VALIDATION, validation)):
        if table:
            _check_labels(name, table.labels, values)
    print(f"INFO: Train matrix has {_shape(train)}", flush=True)
    if validation:
        print(f"INFO: Validation matrix has {_shape(validation)}", flush=True)
    checkpoints = paths.read_config("checkpointconfig.json").get("LocalPath")
    folder = _local(checkpoints) if checkpoints else None
    try:
        if "_kfold" in values:
            _cross_validate(values, concatenate(train, validation) if validation else train)
        else:
            _train(values, _matrix(train), _matrix(validation) if validation else None, folder)
    except xgb.core.XGBoostError as error:
        raise UserError(f"xgboost cannot train on this: {_first_line(error)}") from error
    return 0


def _check_hosts() -> None:
    hosts = paths.read_config("resourceconfig.json").get("hosts", ["algo-1"])
    if len(hosts) > 1:
        raise UserError(
            f"This image trains xgboost on one host; the job has {len(hosts)}. "
            "Set InstanceCount to 1."
        )


def _check_labels(channel: str, labels: Array, values: Values) -> None:
    objective = values.get("objective", "")
    low, high = float(labels.min()), float(labels.max())
    top = 1 if objective in _ZERO_TO_ONE else values.get("num_class", np.inf) - 1
    if np.isnan(labels).any():
        raise UserError(f"Channel '{channel}' has rows without a label.")
    if top < np.inf and not 0 <= low <= high <= top:
        raise UserError(
            f"With objective '{objective}', labels must be from 0 to {top}; "
            f"channel '{channel}' has labels from {low:g} to {high:g}."
        )


def _read(channel: str, channels: Values, weighted: bool) -> Table:
    config = channels[channel]
    kind = config.get("ContentType")
    if config.get("TrainingInputMode") != "Pipe":
        return read_channel(paths.channel(channel), kind, weighted=weighted)
    # One epoch is all that is read: xgboost holds the data in memory.
    fifo = paths.channel(f"{channel}_0")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / channel
        copy.mkdir()
        with fifo.open("rb") as reader, (copy / fifo.name).open("wb") as writer:
            shutil.copyfileobj(reader, writer, _COPIED)
        return read_channel(copy, kind, weighted=weighted)


def _local(path: str) -> Path:
    """Return where a path below ``/opt/ml`` really is."""
    below = Path(path)
    return paths.base() / below.relative_to("/opt/ml") if below.is_relative_to("/opt/ml") else below


def _shape(table: Table) -> str:
    rows, columns = table.features.shape
    return f"{rows} rows and {columns} columns"


def _matrix(table: Table) -> xgb.DMatrix:
    matrix = xgb.DMatrix(table.features, label=table.labels, weight=table.weights)
    if table.groups is not None:
        matrix.set_info(qid=table.groups)
    return matrix


def _train(
    values: Values, train: xgb.DMatrix, validation: xgb.DMatrix | None, checkpoints: Path | None
) -> None:
    resumed, done = latest_checkpoint(checkpoints) if checkpoints else (None, 0)
    if resumed:
        print(f"INFO: Going on from checkpoint {resumed.name}, round {done}", flush=True)
    callbacks: list[xgb.callback.TrainingCallback] = [LogEvaluation(done)]
    if checkpoints:
        callbacks.append(Checkpoints(checkpoints, done))
    if values.get("save_model_on_termination") == "true":
        callbacks.append(StopOnTermination())
    model, _ = _boost(values, train, validation, callbacks, _load(resumed), done)
    save(model, paths.model() / MODEL)


def _load(checkpoint: Path | None) -> xgb.Booster | None:
    return xgb.Booster(model_file=bytearray(checkpoint.read_bytes())) if checkpoint else None


def _boost(
    values: Values,
    train: xgb.DMatrix,
    validation: xgb.DMatrix | None,
    callbacks: list[xgb.callback.TrainingCallback],
    start: xgb.Booster | None = None,
    done: int = 0,
) -> tuple[xgb.Booster, Values]:
    """Train one model; return it with the scores of every round."""
    objective = values.get("objective", "reg:squarederror")
    requested = hyperparameters.requested_metrics(values)
    native, custom = metrics.split(requested)
    parameters = hyperparameters.booster_parameters(values)
    if native:
        parameters["eval_metric"] = native
    evaluations = [(train, TRAIN)] + ([(validation, VALIDATION)] if validation else [])
    if "early_stopping_rounds" in values:
        callbacks = [*callbacks, _early_stopping(values, requested, evaluations[-1][1])]
    scores: Values = {}
    model = xgb.train(
        parameters,
        train,
        num_boost_round=max(0, values["num_round"] - done),
        evals=evaluations,
        custom_metric=metrics.evaluator(custom, objective) if custom else None,
        callbacks=callbacks,
        evals_result=scores,
        xgb_model=start,
        verbose_eval=False,
    )
    return model, scores


def _early_stopping(values: Values, requested: list[str], data: str) -> xgb.callback.EarlyStopping:
    metric = requested[-1] if requested else None
    return xgb.callback.EarlyStopping(
        rounds=values["early_stopping_rounds"],
        metric_name=metric,
        data_name=data,
        maximize=metrics.is_maximised(metric) if metric else None,
        save_best=values.get("booster") != "gblinear",
    )


def _cross_validate(values: Values, table: Table) -> None:
    """Train one model a fold, repeated ``_num_cv_round`` times; serving averages them.

    The predictions for the rows each fold held out go to ``/opt/ml/output/data/predictions.csv``:
    label, mean prediction, and for classification the predicted label.
    """
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    objective = values.get("objective", "reg:squarederror")
    classifies = objective.startswith(("binary:", "multi:"))
    folds, repeats = values["_kfold"], values.get("_num_cv_round", 1)
    splitter = RepeatedStratifiedKFold if classifies else RepeatedKFold
    split = splitter(n_splits=folds, n_repeats=repeats, random_state=values.get("seed", 0))
    print(f"INFO: {repeats}-round {folds}-fold cross validation of {_shape(table)}", flush=True)
    matrix = _matrix(table)
    held_out: list[list[Any]] = [[] for _ in range(matrix.num_row())]
    finals: list[dict[str, float]] = []
    for fold, (train, test) in enumerate(split.split(np.zeros(len(held_out)), table.labels)):
        validation = matrix.slice(test)
        model, scores = _boost(values, matrix.slice(train), validation, [LogEvaluation()])
        save(model, paths.model() / f"{MODEL}-{fold}")
        finals.append({f"{d}-{m}": v[-1] for d, ms in scores.items() for m, v in ms.items()})
        for row, prediction in zip(test, model.predict(validation), strict=True):
            held_out[row].append(prediction)
    means = {name: float(np.mean([final[name] for final in finals])) for name in finals[0]}
    print(log_line(values["num_round"], means), flush=True)
    _write_predictions(table.labels, held_out, objective, classifies)


def _write_predictions(
    labels: Array, held_out: list[list[Any]], objective: str, classifies: bool
) -> None:
    merged = combine([np.array(repeat) for repeat in zip(*held_out, strict=True)], objective)
    columns = [labels, merged.max(axis=1) if merged.ndim == 2 else merged]
    if classifies:
        columns.append(predicted_labels(merged, objective))
    paths.output_data().mkdir(parents=True, exist_ok=True)
    path = paths.output_data() / "predictions.csv"
    np.savetxt(path, np.column_stack(columns), delimiter=",", fmt="%.6g")


def _first_line(error: Exception) -> str:
    """Return xgboost's message without the place in its source code and the stack."""
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return re.sub(r"^(\[[\d:]+\] )?(/\S+:\d+: )?(Check failed: )?", "", line)
