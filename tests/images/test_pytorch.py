"""PyTorch's default handlers, in the image: nothing else here has PyTorch."""

from __future__ import annotations

import json
from typing import Any

import docker
import pytest

from tests.machine import lacks

pytestmark = pytest.mark.docker

PROBE = """
import io, json, pathlib, subprocess, sys, tempfile
import numpy as np, torch
from mlstudio_runtime.handlers import pytorch
from mlstudio_runtime.server.app import RequestError

seen = {"check": subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True,
                                text=True).stdout.strip()}

def told(function, *arguments):
    try:
        function(*arguments)
    except (RuntimeError, RequestError) as error:
        return f"{getattr(error, 'status', '')} {error}"

folder = pathlib.Path(tempfile.mkdtemp())
seen["nothing"] = told(pytorch.model_fn, str(folder))
torch.save({"weights": torch.ones(1)}, folder / "state.pth")
seen["state"] = told(pytorch.model_fn, str(folder))
net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout(0.5))
torch.jit.script(net).save(folder / "net.pt")
seen["two"] = told(pytorch.model_fn, str(folder))
torch.jit.script(net).save(folder / "model.pt")
model = pytorch.model_fn(str(folder))
rows = torch.tensor([[1.0, 2.0]])
expected = net.eval()(rows).tolist()
answers = [pytorch.predict_fn(rows, model).tolist() for _ in range(9)]
seen["evaluates"] = answers == [expected] * 9
seen["gradient"] = pytorch.predict_fn(rows, model).requires_grad

buffer = io.BytesIO()
torch.save(rows, buffer)
seen["tensor"] = pytorch.input_fn(buffer.getvalue(), "tensor/pt").tolist()
body, kind = pytorch.output_fn(rows, "tensor/pt")
seen["back"] = [kind, torch.load(io.BytesIO(body), weights_only=True).tolist()]
buffer = io.BytesIO()
torch.save([rows], buffer)
seen["list"] = told(pytorch.input_fn, buffer.getvalue(), "tensor/pt")
row = pytorch.input_fn("1,2", "text/csv")
seen["csv"] = [row.tolist(), str(row.dtype)]
seen["bfloat16"] = pytorch.output_fn(rows.bfloat16(), "application/json")[0].decode()
seen["nested"] = pytorch.output_fn({"a": rows}, "application/json")[0].decode()
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    client = docker.from_env()
    try:
        output = client.containers.run(
            "mlstudio/pytorch:latest", ["python3", "-c", PROBE], remove=True, network_mode="none"
        )
    except docker.errors.ImageNotFound:
        lacks("the image mlstudio/pytorch is not built")
    finally:
        client.close()
    result: dict[str, Any] = json.loads(output)
    return result


def test_packages_agree(seen: dict[str, Any]) -> None:
    assert seen["check"] == "No broken requirements found."


def test_one_torchscript_module_is_the_model(seen: dict[str, Any]) -> None:
    assert "It has none." in seen["nothing"]
    assert "'state.pth' is not TorchScript" in seen["state"]
    assert "It has net.pt, state.pth." in seen["two"]
    assert seen["evaluates"]
    assert seen["gradient"] is False


def test_tensors_go_in_and_out(seen: dict[str, Any]) -> None:
    assert seen["tensor"] == [[1.0, 2.0]]
    assert seen["back"] == ["tensor/pt", [[1.0, 2.0]]]
    assert seen["list"] == "400 The payload is no tensor but a list."
    assert seen["csv"] == [[[1.0, 2.0]], "torch.float32"]
    assert seen["bfloat16"] == "[[1.0, 2.0]]"
    assert seen["nested"] == '{"a": [[1.0, 2.0]]}'
