"""What the form that makes a training job is filled from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jupyter_mlstudio.server.forms.shapes import input_shapes, plain_text

from .conftest import Answer, FakeStudio

TYPES = [{"InstanceType": "local", "GivenVCpus": 2.0, "GivenMemoryInBytes": 4, "FitsNow": True}]


def test_documentation_becomes_text() -> None:
    html = "<p>One <code>a</code> &amp;\n two.</p><ul> <li> <p>x</p> </li> <li>y</li></ul>"
    assert plain_text(html) == "One a & two.\n• x\n• y"


def test_the_shapes_are_those_of_the_model() -> None:
    document = input_shapes("sagemaker", "CreateTrainingJob")
    shapes: dict[str, Any] = document["Shapes"]
    request = shapes[document["Input"]]
    assert "TrainingJobName" in request["required"]
    assert request["members"]["TrainingJobName"]["documentation"].startswith("The name of the")
    name = shapes[request["members"]["TrainingJobName"]["shape"]]
    assert (name["type"], name["min"], name["max"]) == ("string", 1, 63)
    assert name["pattern"]
    channels = shapes[request["members"]["InputDataConfig"]["shape"]]
    assert shapes[channels["member"]]["required"] == ["ChannelName", "DataSource"]
    assert "File" in shapes["TrainingInputMode"]["enum"]


def test_the_form_has_what_the_studio_offers(
    fetch: Callable[..., Answer], fake_studio: FakeStudio
) -> None:
    status = {
        "StudioId": "x",
        "Version": "1",
        "EngineName": "docker",
        "Notes": [],
        "ResourceCounts": {},
        "Urls": {"Endpoint": "x", "S3": "x", "Runtime": "x"},
        "DefaultBucket": "bucket",
        "ExecutionRoleArn": "arn:aws:iam::000000000000:role/R",
    }
    fake_studio.on("mlstudio", "GetStudioStatus", lambda request: status)
    fake_studio.on("mlstudio", "ListInstanceTypes", lambda request: {"InstanceTypes": TYPES})
    form = fetch("forms", "training-job").document
    assert (form["bucket"], form["role"]) == ("bucket", "arn:aws:iam::000000000000:role/R")
    assert form["instanceTypes"] == TYPES
    images = {image["name"]: image for image in form["images"]}
    assert images["pytorch"]["uri"] == "mlstudio/pytorch:latest"
    assert images["pytorch"]["hyperparameters"] is None
    aws = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    assert [
        name
        for name, image in images.items()
        if any(re.fullmatch(alias, aws) for alias in image["aliases"])
    ] == ["xgboost"]
    known = {each["name"]: each for each in images["xgboost"]["hyperparameters"]}
    assert known["eta"] == {
        "name": "eta",
        "type": "float",
        "default": "0.3",
        "min": 0,
        "max": 1,
        "alias": "learning_rate",
    }
    assert known["num_round"]["required"] is True
    assert "predictor" not in known
    assert "_kfold" not in known
    assert form["shapes"]["Input"] == "CreateTrainingJobRequest"
