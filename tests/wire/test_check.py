"""Results that do not fit their shape, the covered-operations table, and the own model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from jupyter_mlstudio.wire.check import ResponseShapeError
from jupyter_mlstudio.wire.encode import encode
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.services import MODELS, SERVICES, service_model
from jupyter_mlstudio.wire.table import main, table


@pytest.mark.parametrize(
    ("result", "where"),
    [
        ({"TrainingJobNane": "x"}, "has no member TrainingJobNane"),
        ({"TrainingJobName": 1}, "DescribeTrainingJob.TrainingJobName: string expected, not int"),
        ({"CreationTime": datetime(2026, 1, 1)}, "aware datetime"),  # noqa: DTZ001
        ({"CreationTime": 1.0}, "timestamp expected"),
        ({"BillableTimeInSeconds": True}, "integer expected, not bool"),
        ({"BillableTimeInSeconds": 1.5}, "integer expected, not float"),
        ({"EnableNetworkIsolation": 1}, "boolean expected"),
        ({"HyperParameters": {"a": 1}}, r"HyperParameters\['a'\]: string expected"),
        ({"HyperParameters": {1: "a"}}, r"HyperParameters.keys\(\)"),
        ({"InputDataConfig": [{"Name": "x"}]}, r"InputDataConfig\[0\]: Channel has no member"),
        ({"InputDataConfig": "text"}, "list expected"),
    ],
)
def test_wrong_results(result: dict[str, Any], where: str) -> None:
    with pytest.raises(ResponseShapeError, match=where):
        encode("sagemaker", "DescribeTrainingJob", result)


def test_results_of_operations_without_output() -> None:
    assert encode("sagemaker", "DeleteModel", None).body == b"{}"
    with pytest.raises(ResponseShapeError, match="no output"):
        encode("sagemaker", "DeleteModel", {"A": 1})


def test_none_is_absent_and_numbers_that_are_none_are_words() -> None:
    result = {
        "TrainingJobName": "j",
        "FailureReason": None,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "FinalMetricDataList": [{"MetricName": "m", "Value": float("nan")}],
    }
    body = encode("sagemaker", "DescribeTrainingJob", result).body
    assert body == (
        b'{"TrainingJobName":"j","CreationTime":1767225600,'
        b'"FinalMetricDataList":[{"MetricName":"m","Value":"NaN"}]}'
    )


def test_header_injection_is_refused() -> None:
    with pytest.raises(AWSError, match="line break"):
        encode("s3", "GetObject", {"ContentType": "a\r\nSet-Cookie: x"})
    with pytest.raises(AWSError, match="line break"):
        encode("s3", "GetObject", {"Metadata": {"a": "b\nc"}})


def test_streams_pass_untouched() -> None:
    body = object()
    assert encode("s3", "GetObject", {"Body": body}).body is body


def test_table() -> None:
    text = table([("sagemaker", "CreateModel"), ("sagemaker", "AddTags"), ("s3", "GetObject")])
    total = len(service_model("sagemaker").operation_names)
    assert f"| sagemaker | {total} | 2 |" in text
    assert f"2 of {total}: `AddTags`, `CreateModel`" in text
    assert all(f"| {service} |" in text for service in SERVICES)


def test_table_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["json"]) == 0
    assert "| Service | Operations | Covered |" in capsys.readouterr().out


def test_every_shape_of_the_own_model_is_documented() -> None:
    whole = Loader(extra_search_paths=[str(MODELS)]).load_service_model("mlstudio", "service-2")
    model = ServiceModel(whole, "mlstudio")
    assert set(model.operation_names) == {
        "GetLogLines",
        "GetMetricSeries",
        "GetQueuePosition",
        "GetRunMetrics",
        "GetRunSeries",
        "GetRunTable",
        "GetStudioStatus",
        "ListEvents",
        "ListInstanceTypes",
        "ListModelApprovals",
        "ListRunMetricNames",
        "ListRunPoints",
        "ReadLog",
        "SearchLog",
    }
    for name in model.operation_names:
        operation = model.operation_model(name)
        assert operation.documentation
        for shape in (operation.input_shape, operation.output_shape):
            assert shape is not None
            assert all(member.documentation for member in shape.members.values())
