"""Hyperparameters: SageMaker's names, types and ranges, and errors that name the culprit."""

from __future__ import annotations

import pytest
from mlstudio_runtime.outcome import UserError
from mlstudio_runtime.xgb import hyperparameters, metrics

from .support import Job


def test_values_get_their_types() -> None:
    values = hyperparameters.validate(
        {
            "num_round": "10",
            "eta": "0.1",
            "objective": '"multi:softprob"',
            "num_class": "3",
            "eval_metric": "mlogloss,accuracy",
            "monotone_constraints": "(1, -1)",
            "interaction_constraints": "[[1, 2], [3]]",
            "reg_lambda": "2",
            "max_depth": "",
            "sagemaker_region": "eu-west-1",
        }
    )
    assert values == {
        "num_round": 10,
        "eta": 0.1,
        "objective": "multi:softprob",
        "num_class": 3,
        "eval_metric": ["mlogloss", "accuracy"],
        "monotone_constraints": (1, -1),
        "interaction_constraints": [[1, 2], [3]],
        "lambda": 2.0,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "'num_round' is required"),
        ({"num_round": "ten"}, "'num_round': 'ten' is not an integer"),
        ({"num_round": "1.5"}, "'num_round': '1.5' is not an integer"),
        ({"num_round": "0"}, r"'num_round': 0 is not in \[1, inf\)"),
        ({"eta": "1.5"}, r"'eta': 1.5 is not in \[0, 1\]"),
        ({"eta": "nan"}, r"'eta': nan is not in \[0, 1\]"),
        ({"tweedie_variance_power": "2"}, r"2.0 is not in \(1, 2\)"),
        ({"booster": "forest"}, "'booster': 'forest' is not one of gbtree, gblinear, dart"),
        ({"etta": "0.1"}, "'etta' is not one of xgboost's. Did you mean 'eta'"),
        ({"eta": "0.1", "learning_rate": "0.2"}, "'eta' is set twice, also as 'learning_rate'"),
        ({"objective": "multi:softmax"}, "'num_class' is required"),
        ({"num_class": "3"}, "'num_class' is for multi-class"),
        ({"monotone_constraints": "(2,)"}, "'monotone_constraints': '2' is not one of -1, 0, 1"),
        ({"monotone_constraints": "x"}, "'monotone_constraints': 'x' is not a tuple"),
        ({"interaction_constraints": "[1, 2]"}, "'interaction_constraints'.* not a nested list"),
        ({"eval_metric": "speed"}, "'eval_metric': 'speed' is not one of"),
        ({"eval_metric": "accuracy"}, "'accuracy' is for classification"),
        ({"eval_metric": "rmse@1"}, "'rmse@1' takes no threshold"),
        ({"_tuning_objective_metric": "validation:nothing"}, "'nothing' is not one of"),
        ({"tree_method": "gpu_hist"}, "no GPU"),
        (
            {"objective": "multi:softmax", "num_class": "3", "eval_metric": "precision"},
            "use 'precision_macro'",
        ),
    ],
)
def test_errors_name_the_hyperparameter(given: dict[str, str], message: str) -> None:
    given = given if not given or "num_round" in given else {"num_round": "5", **given}
    with pytest.raises(UserError, match=message):
        hyperparameters.validate(given)


def test_every_metric_of_sagemaker_is_known() -> None:
    from jupyter_mlstudio.images.metrics import builtin_definitions

    definitions = builtin_definitions("mlstudio/xgboost:latest", {})
    published = {entry["Name"].partition(":")[2] for entry in definitions}
    assert published == {*metrics.NATIVE, *metrics.CUSTOM}


def test_what_xgboost_has_dropped_is_not_passed_on() -> None:
    values = hyperparameters.validate({"num_round": "5", "sketch_eps": "0.1", "eta": "0.2"})
    assert hyperparameters.booster_parameters(values) == {"eta": 0.2}
    assert hyperparameters.unused(values) == ["sketch_eps"]


def test_a_bad_hyperparameter_fails_the_job(job: Job) -> None:
    job.configure({"num_round": "5", "eta": "7"}, {"train": "text/csv"})
    done = job.train()
    assert done.returncode == 1
    assert job.failure == "Hyperparameter 'eta': 7.0 is not in [0, 1]."
    assert not (job.base / "output" / "success").exists()
    assert not list((job.base / "model").iterdir())
