"""Training with the built-in algorithm, against xgboost itself and scikit-learn."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from mlstudio_runtime import recordio
from mlstudio_runtime.xgb import metrics
from mlstudio_runtime.xgb.predict import Ensemble
from sklearn import metrics as sk
from sklearn.datasets import dump_svmlight_file, load_iris

from .support import Job

SPLIT = 400
PARAMETERS = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "seed": 7}
HYPERPARAMETERS = {"num_round": "8", **{name: str(v) for name, v in PARAMETERS.items()}}
Data = tuple[np.ndarray, np.ndarray]


def _write_csv(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    np.savetxt(path, np.column_stack([labels, features]), delimiter=",", fmt="%.9g")


def _write_libsvm(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    dump_svmlight_file(features.astype(float), labels, str(path), zero_based=True)


def _write_parquet(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    frame = pd.DataFrame(np.column_stack([labels, features]))
    frame.columns = frame.columns.astype(str)
    frame.to_parquet(path)


def _write_recordio(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    path.write_bytes(recordio.write(features, labels))


WRITERS = {
    "text/csv": _write_csv,
    "text/csv; label_size=1": _write_csv,
    None: _write_libsvm,
    "text/libsvm": _write_libsvm,
    "application/x-parquet": _write_parquet,
    "application/x-recordio-protobuf": _write_recordio,
}


def _booster(job: Job, name: str) -> xgb.Booster:
    return xgb.Booster(model_file=bytearray((job.base / "model" / name).read_bytes()))


def _configure(job: Job, data: Data, kind: str | None, **more: str) -> None:
    features, labels = data
    write = WRITERS[kind]
    middle = SPLIT // 2
    train = job.channel("train")
    (train / "sub").mkdir()
    write(train / "part-0", features[:middle], labels[:middle])
    write(train / "sub" / "part-1", features[middle:SPLIT], labels[middle:SPLIT])
    write(job.channel("validation") / "all", features[SPLIT:], labels[SPLIT:])
    job.configure({**HYPERPARAMETERS, **more}, {"train": kind, "validation": kind})


def _expected(data: Data, rounds: int = 8, **parameters: Any) -> np.ndarray:
    features, labels = data
    matrix = xgb.DMatrix(features[:SPLIT], label=labels[:SPLIT])
    model = xgb.train({**PARAMETERS, **parameters}, matrix, rounds)
    return model.predict(xgb.DMatrix(features[SPLIT:]))


@pytest.mark.parametrize("kind", list(WRITERS), ids=str)
def test_each_format_gives_the_model_xgboost_gives(
    job: Job, cancer: Data, kind: str | None
) -> None:
    _configure(job, cancer, kind)
    done = job.train()
    assert done.returncode == 0, done.stderr
    model = Ensemble.load(job.base / "model")
    expected = _expected(cancer)
    if kind in (None, "text/libsvm"):
        # LIBSVM leaves zeros out, so xgboost takes them as missing.
        sparse = np.where(cancer[0] == 0, np.nan, cancer[0])
        expected = _expected((sparse, cancer[1]))
        np.testing.assert_allclose(model.predict(sparse[SPLIT:]), expected, atol=1e-6)
    else:
        np.testing.assert_allclose(model.predict(cancer[0][SPLIT:]), expected, atol=1e-6)
    assert (job.base / "output" / "success").exists()
    assert [path.name for path in (job.base / "model").iterdir()] == ["xgboost-model"]


def test_the_log_has_sagemakers_lines(job: Job, cancer: Data) -> None:
    from jupyter_mlstudio.images.metrics import builtin_definitions

    _configure(job, cancer, "text/csv", eval_metric="auc,accuracy,logloss")
    lines = job.train().stdout.splitlines()
    last = next(line for line in lines if line.startswith("[7]"))
    assert re.fullmatch(
        r"\[7\]#011train-auc:[\d.]+#011train-logloss:[\d.]+#011train-accuracy:[\d.]+"
        r"#011validation-auc:[\d.]+#011validation-logloss:[\d.]+#011validation-accuracy:[\d.]+",
        last,
    )
    found = {
        entry["Name"]: float(match[1])
        for entry in builtin_definitions("mlstudio/xgboost:latest", {})
        if (match := re.search(entry["Regex"], last))
    }
    assert set(found) == {
        f"{part}:{metric}"
        for part in ("train", "validation")
        for metric in ("auc", "accuracy", "logloss")
    }
    predictions, truth = _expected(cancer), cancer[1][SPLIT:]
    assert found["validation:auc"] == pytest.approx(sk.roc_auc_score(truth, predictions), abs=1e-5)
    assert found["validation:accuracy"] == pytest.approx(
        sk.accuracy_score(truth, predictions > 0.5), abs=1e-5
    )


@pytest.mark.parametrize("name", metrics.CUSTOM)
def test_each_added_metric_is_scikit_learns(name: str, cancer: Data) -> None:
    features, labels = cancer
    weights = np.linspace(0.5, 2, len(labels), dtype=np.float32)
    matrix = xgb.DMatrix(features, label=labels, weight=weights)
    predictions = np.clip(labels * 0.5 + np.sin(np.arange(len(labels))) * 0.4 + 0.2, 0, 1)
    [(returned, value)] = metrics.evaluator([name], "binary:logistic")(predictions, matrix)
    classes = predictions > 0.5
    average = {"macro": "macro", "micro": "micro"}.get(name.partition("_")[2], "binary")
    expected = {
        "accuracy": lambda: sk.accuracy_score(labels, classes, sample_weight=weights),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(
            labels, classes, sample_weight=weights
        ),
        "mse": lambda: sk.mean_squared_error(labels, predictions, sample_weight=weights),
        "r2": lambda: sk.r2_score(labels, predictions, sample_weight=weights),
        "f1": lambda: sk.f1_score(labels, classes, average="macro", sample_weight=weights),
    }.get(name)
    if expected is None:
        function = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
        score = function[name.partition("_")[0]]
        assert value == pytest.approx(
            score(labels, classes, average=average, sample_weight=weights)
        )
    else:
        assert value == pytest.approx(expected())
    assert returned == name


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_several_classes(job: Job, objective: str) -> None:
    features, labels = load_iris(return_X_y=True)
    _write_csv(job.channel("train") / "all.csv", features, labels)
    metric = "merror,f1_macro,accuracy,recall_micro"
    job.configure(
        {"num_round": "5", "objective": objective, "num_class": "3", "eval_metric": metric},
        {"train": "text/csv"},
    )
    done = job.train()
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("[4]"))
    scores = dict(re.findall(r"train-([\w]+):([\d.]+)", line))
    assert float(scores["accuracy"]) == pytest.approx(1 - float(scores["merror"]), abs=2e-5)
    predicted = Ensemble.load(job.base / "model").predict(features.astype(np.float32))
    assert predicted.shape == ((150,) if objective == "multi:softmax" else (150, 3))


def test_every_metric_of_xgboost_is_accepted(cancer: Data) -> None:
    features, labels = cancer
    for name in set(metrics.NATIVE) - {"aft-nloglik", "interval-regression-accuracy"}:
        metric = "tweedie-nloglik@1.5" if name == "tweedie-nloglik" else name
        several = metric in ("merror", "mlogloss")
        matrix = xgb.DMatrix(features, label=labels + (metric.startswith("gamma")))
        if metric in ("map", "ndcg"):
            matrix.set_info(qid=np.zeros(len(labels), np.uint32))
        parameters: dict[str, Any] = {"eval_metric": metric}
        if several:
            parameters |= {"objective": "multi:softprob", "num_class": 2}
        scores: dict[str, Any] = {}
        xgb.train(
            parameters,
            matrix,
            1,
            evals=[(matrix, "train")],
            evals_result=scores,
            verbose_eval=False,
        )
        assert len(scores["train"]) == 1, metric


def test_early_stopping_keeps_the_best_round(job: Job, cancer: Data) -> None:
    features, labels = cancer
    noise = np.random.default_rng(0).permutation(labels)
    _configure(
        job,
        (features, np.concatenate([labels[:SPLIT], noise[SPLIT:]])),
        "text/csv",
        num_round="200",
        early_stopping_rounds="3",
        eval_metric="auc",
    )
    done = job.train()
    assert done.returncode == 0, done.stderr
    scores = [float(v) for v in re.findall(r"validation-auc:([\d.]+)", done.stdout)]
    assert len(scores) < 200
    model = _booster(job, "xgboost-model")
    assert model.num_boosted_rounds() == int(np.argmax(scores)) + 1


def test_instance_weights_of_csv(job: Job, cancer: Data) -> None:
    features, labels = cancer
    weights = np.linspace(0.1, 3, len(labels))
    rows = np.column_stack([labels, weights, features])
    np.savetxt(job.channel("train") / "a.csv", rows, delimiter=",", fmt="%.9g")
    job.configure({**HYPERPARAMETERS, "csv_weights": "1"}, {"train": "text/csv"})
    assert job.train().returncode == 0
    matrix = xgb.DMatrix(features, label=labels, weight=weights)
    expected = xgb.train(PARAMETERS, matrix, 8).predict(matrix)
    actual = Ensemble.load(job.base / "model").predict(features)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_libsvm_with_weights(job: Job) -> None:
    random = np.random.default_rng(0)
    values, labels = random.random((100, 1)), random.random(100)
    weights = 1 + np.arange(100) % 5
    lines = [
        f"{label!r}:{weight} 0:{value[0]!r} # a comment"
        for label, weight, value in zip(
            labels.tolist(), weights.tolist(), values.tolist(), strict=True
        )
    ]
    (job.channel("train") / "rows.libsvm").write_text("\n".join(lines))
    job.configure({"num_round": "3"}, {"train": None})
    done = job.train()
    assert done.returncode == 0, done.stderr
    matrix = xgb.DMatrix(values, label=labels, weight=weights)
    expected = xgb.train({}, matrix, 3).predict(matrix)
    np.testing.assert_allclose(Ensemble.load(job.base / "model").predict(values), expected)


def test_ranking_by_query(job: Job) -> None:
    random = np.random.default_rng(0)
    lines = [
        f"{random.integers(0, 3)} qid:{row // 10} 0:{random.random():.3f} 4:1" for row in range(100)
    ]
    (job.channel("train") / "rows.libsvm").write_text("\n".join(lines))
    job.configure(
        {"num_round": "3", "objective": "rank:ndcg", "eval_metric": "ndcg@5,ndcg"}, {"train": None}
    )
    done = job.train()
    assert done.returncode == 0, done.stderr
    assert "100 rows and 5 columns" in done.stdout
    assert re.search(r"^\[2\]#011train-ndcg@5:[\d.]+#011train-ndcg:", done.stdout, re.M)


def test_cross_validation_saves_a_model_a_fold(job: Job, cancer: Data) -> None:
    _configure(job, cancer, "text/csv", _kfold="3", _num_cv_round="2", eval_metric="auc")
    done = job.train()
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (job.base / "model").iterdir())
    assert names == [f"xgboost-model-{fold}" for fold in range(6)]
    rows = np.loadtxt(job.base / "output" / "data" / "predictions.csv", delimiter=",")
    assert rows.shape == (len(cancer[1]), 3)
    np.testing.assert_array_equal(rows[:, 0], cancer[1])
    assert sk.roc_auc_score(rows[:, 0], rows[:, 1]) > 0.97
    assert re.search(r"^\[8\]#011train-auc:[\d.]+#011validation-auc:[\d.]+$", done.stdout, re.M)
    models = [_booster(job, name) for name in names]
    mean = np.mean([model.predict(xgb.DMatrix(cancer[0])) for model in models], axis=0)
    predicted = Ensemble.load(job.base / "model").predict(cancer[0])
    np.testing.assert_allclose(predicted, mean, atol=1e-6)


def test_a_job_begun_again_goes_on_from_its_checkpoint(job: Job, cancer: Data) -> None:
    _configure(job, cancer, "text/csv", num_round="4")
    job.write("checkpointconfig", {"LocalPath": "/opt/ml/checkpoints", "S3Uri": "s3://b/c"})
    assert job.train().returncode == 0
    folder = job.base / "checkpoints"
    assert (folder / "xgboost-checkpoint.0").exists()
    for path in folder.iterdir():
        if path.name != "xgboost-checkpoint.0":
            path.unlink()
    done = job.train()
    assert "Going on from checkpoint xgboost-checkpoint.0, round 1" in done.stdout
    assert [line[:3] for line in done.stdout.splitlines() if line[0] == "["] == [
        "[1]",
        "[2]",
        "[3]",
    ]
    actual = Ensemble.load(job.base / "model").predict(cancer[0][SPLIT:])
    np.testing.assert_allclose(actual, _expected(cancer, 4), atol=1e-6)


@pytest.mark.parametrize("save", ["true", "false"])
def test_sigterm_ends_the_job(job: Job, cancer: Data, save: str) -> None:
    _configure(job, cancer, "text/csv", num_round="1000000", save_model_on_termination=save)
    process = subprocess.Popen(
        [sys.executable, "-m", "mlstudio_runtime", "train"],
        env=job.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any(line.startswith("[2]") for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    process.communicate(timeout=60)
    assert time.monotonic() - begin < 30
    saved = (job.base / "model" / "xgboost-model").exists()
    assert (process.returncode, saved) == ((0, True) if save == "true" else (143, False))


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("text/csv", "label,a,b\n1,2,3\n", "File 'data' .*no header line.*label,a,b"),
        ("text/csv", "1\n0\n", "a label and at least one feature"),
        ("text/csv", "1,2,x\n", "numbers only"),
        ("text/csv", "", "no data in channel 'train'"),
        ("text/csv; label_size=2", "1,2,3\n", "label_size must be 1"),
        ("text/libsvm", "1 a:b\n", "File 'data' cannot be read as text/libsvm"),
        ("application/x-parquet", "not parquet", "cannot be read as application/x-parquet"),
        ("application/x-recordio-protobuf", "12345678", "no RecordIO frame"),
        ("image/png", "x", "image/png is not a content type"),
        ("text/csv", "7,1,2\n3,4,5\n", "labels must be from 0 to 1; channel 'train' .* 3 to 7"),
        ("text/csv", ",1,2\n1,4,5\n", "rows without a label"),
    ],
)
def test_bad_data_fails_with_the_reason(job: Job, kind: str, content: str, message: str) -> None:
    (job.channel("train") / "data").write_text(content)
    job.configure({"num_round": "2", "objective": "binary:logistic"}, {"train": kind})
    assert job.train().returncode == 1
    assert re.search(message, job.failure), job.failure
    assert "Traceback" not in job.failure


def test_missing_channels_and_several_hosts_fail_with_the_reason(job: Job) -> None:
    job.configure({"num_round": "2"})
    assert job.train().returncode == 1
    assert job.failure == "Channel 'train' is required and was not given."
    (job.base / "output" / "failure").unlink()
    job.write("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})
    assert job.train().returncode == 1
    assert "InstanceCount" in job.failure
