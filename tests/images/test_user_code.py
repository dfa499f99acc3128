"""Script mode serving: the user's functions, and the defaults for those they leave out."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlstudio_runtime.handlers import sklearn

from .support import Client, Job
from .toolkit import toolkit_python

Start = Callable[..., Client]

MODEL = """
import json, pathlib
import numpy as np

class Model:
    def __init__(self, factor): self.factor = factor
    def predict(self, data): return np.asarray(data, dtype=float) * self.factor

def model_fn(model_dir):
    return Model(float((pathlib.Path(model_dir) / "factor").read_text()))
"""


def _place(job: Job, code: str, folder: Path | None = None, name: str = "inference.py") -> None:
    target = folder or job.base / "model" / "code"
    target.mkdir(parents=True, exist_ok=True)
    (target / name).write_text(code)
    (job.base / "model" / "factor").write_text("2")


def test_defaults_for_each_format(served: Start, job: Job) -> None:
    _place(job, MODEL)
    client = served()
    npy = io.BytesIO()
    np.save(npy, np.array([[1.0, 2.0]]))
    bodies = {
        "application/json": b"[[1, 2]]",
        "text/csv": b"1,2\n",
        "application/jsonlines": b"[1, 2]\n",
        "application/x-npy": npy.getvalue(),
    }
    for kind, body in bodies.items():
        answer = client.invoke(body, Content_Type=kind)
        assert (answer.status, json.loads(answer.body)) == (200, [[2.0, 4.0]])
        assert answer.headers["Content-Type"] == "application/json"
    ask = {"Content_Type": "application/json"}
    assert client.invoke(b"[[1, 2]]", Accept="text/csv", **ask).body == b"2.0,4.0\n"
    assert client.invoke(b"[[1], [2]]", Accept="application/jsonlines", **ask).body == (
        b"[2.0]\n[4.0]\n"
    )
    body = client.invoke(b"[[1, 2]]", Accept="application/x-npy", **ask).body
    np.testing.assert_array_equal(np.load(io.BytesIO(body)), [[2.0, 4.0]])
    assert client.invoke(b"x", Content_Type="image/png").status == 415
    assert client.invoke(b"[1]", Accept="image/png", **ask).status == 406


def test_the_users_functions_are_called(served: Start, job: Job) -> None:
    code = (
        MODEL
        + """
def input_fn(body, content_type):
    assert content_type == "application/x-thing" and isinstance(body, bytes)
    return json.loads(body)["rows"]

def predict_fn(data, model):
    return {"answer": model.predict(data).tolist()}

def output_fn(prediction, accept):
    return json.dumps({**prediction, "accept": accept}), "application/x-answer"
"""
    )
    _place(job, code)
    answer = served().invoke(
        b'{"rows": [1]}', Content_Type="application/x-thing", Accept="application/x-answer"
    )
    assert json.loads(answer.body) == {"answer": [2.0], "accept": "application/x-answer"}
    assert answer.headers["Content-Type"] == "application/x-answer"


def test_transform_fn_may_stream(served: Start, job: Job) -> None:
    code = (
        MODEL
        + """
def transform_fn(model, body, content_type, accept):
    def parts():
        for number in range(3):
            yield f"{number * model.factor:g};"
    return parts(), "text/plain"
"""
    )
    _place(job, code)
    answer = served().invoke(b"{}", Content_Type="application/json")
    assert answer.body == b"0;2;4;"
    assert answer.headers["Transfer-Encoding"] == "chunked"


def test_an_error_of_the_users_code_is_told(served: Start, job: Job) -> None:
    _place(job, MODEL + "\ndef predict_fn(data, model):\n    raise KeyError('no such row')\n")
    client = served()
    answer = client.invoke(b"[1]", Content_Type="application/json")
    assert answer.status == 500
    assert answer.body == b"KeyError: 'no such row'"
    log = client.log.read_text()
    assert "in predict_fn" in log


def test_code_may_come_from_elsewhere(served: Start, job: Job, tmp_path: Path) -> None:
    source = tmp_path / "source"
    _place(job, "from helper import *\n", source, "serve_me.py")
    (source / "helper.py").write_text(MODEL)
    archive = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in source.iterdir():
            tar.add(path, path.name)
    client = served(SAGEMAKER_PROGRAM="serve_me.py", SAGEMAKER_SUBMIT_DIRECTORY=f"file://{archive}")
    assert client.invoke(b"[3]", Content_Type="application/json").body == b"[6.0]"


def test_code_without_model_fn_ends_the_server(served: Start, job: Job) -> None:
    _place(job, "x = 1\n")
    with pytest.raises(RuntimeError, match="must define model_fn"):
        served()


def test_a_missing_program_ends_the_server(served: Start) -> None:
    with pytest.raises(RuntimeError, match=r"There is no 'gone\.py'"):
        served(SAGEMAKER_PROGRAM="gone.py")


ENCODERS = """
import json, sys
import numpy as np
from sagemaker_training import encoders

rows = json.loads(sys.argv[1])
kinds = ["application/json", "text/csv", "application/x-npy"]
encoded = [encoders.encode(np.array(value), kind) for value in rows for kind in kinds]
bodies = ["[[1, 2.5], [3, 4]]", "1,2.5\\n3,4\\n"]
decoded = [encoders.decode(body, kind).astype(np.float32) for body, kind in zip(bodies, kinds)]
print(json.dumps({
    "encoded": [e if isinstance(e, str) else e.hex() for e in encoded],
    "decoded": [array.tolist() for array in decoded],
}))
"""


def test_sklearns_formats_are_the_toolkits(served: Start, job: Job) -> None:
    rows = [[1.5, 2.0], [[0.1, 0.9], [1, 0]], [3, 4], ["setosa", "a, b"]]
    ours = []
    _place(
        job,
        "import json\nimport numpy as np\n"
        "def model_fn(model_dir): return None\n"
        f"def predict_fn(data, model): return np.array({rows!r}[int(data[0][0])])\n",
    )
    client = served(MLSTUDIO_FRAMEWORK="sklearn", SAGEMAKER_MODEL_SERVER_WORKERS="1")
    for number in range(len(rows)):
        for kind in ("application/json", "text/csv", "application/x-npy"):
            answer = client.invoke(b"[[%d]]" % number, Content_Type="application/json", Accept=kind)
            assert answer.headers["Content-Type"] == kind
            ours.append(answer.body.hex() if kind.endswith("npy") else answer.body.decode())
    done = subprocess.run(
        [toolkit_python(), "-c", ENCODERS, json.dumps(rows)],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    assert ours == theirs["encoded"]
    for body, kind, expected in zip(
        ("[[1, 2.5], [3, 4]]", "1,2.5\n3,4\n"),
        ("application/json", "text/csv"),
        theirs["decoded"],
        strict=True,
    ):
        array = sklearn.input_fn(body, kind)
        assert (array.dtype, array.tolist()) == (np.float32, expected)


def test_sklearn_takes_one_row_as_a_row_and_says_what_it_cannot_read(
    served: Start, job: Job
) -> None:
    assert sklearn.input_fn("1,2,3", "text/csv").shape == (1, 3)
    _place(job, MODEL)
    client = served(MLSTUDIO_FRAMEWORK="sklearn", SAGEMAKER_MODEL_SERVER_WORKERS="1")
    for kind, body in {
        "application/json": b"[1,",
        "text/csv": b"1,two",
        "application/x-npy": b"not one",
        "text/csv; charset=utf-8": b"\xff",
    }.items():
        answer = client.invoke(body, Content_Type=kind)
        assert answer.status == 400, answer
        assert b"cannot be read as " + kind.partition(";")[0].encode() in answer.body
    answer = client.invoke(b'{"a": 1}', Content_Type="application/json")
    assert (answer.status, b"does not hold numbers alone" in answer.body) == (400, True)
    assert client.invoke(b"", Content_Type="image/png").status == 415
    answer = client.invoke(b"[1]", Content_Type="application/json", Accept="image/png, */*")
    assert (answer.status, answer.body) == (200, b"[2.0]")
    answer = client.invoke(b"[1]", Content_Type="application/json", Accept="image/png, text/csv")
    assert (answer.status, answer.body) == (200, b"2.0\n")


def test_functions_that_ask_for_the_context_get_it(served: Start, job: Job) -> None:
    code = (
        MODEL.replace("model_fn(model_dir)", "model_fn(model_dir, context)")
        + """
def pre_model_fn(model_dir):
    pathlib.Path(model_dir, "factor").write_text("5")

def model_warmup_fn(model_dir, model):
    model.factor += 1

def predict_fn(data, model, context):
    context.set_response_header(0, "X-Seen", context.get_request_header(0, "X-Ask"))
    context.set_response_status(code=201)
    assert context.system_properties["model_dir"]
    return model.predict(data)
"""
    )
    _place(job, code)
    answer = served().invoke(b"[1]", Content_Type="application/json", X_Ask="me")
    assert (answer.status, answer.body, answer.headers["X-Seen"]) == (201, b"[6.0]", "me")


def test_transform_fn_beside_what_it_replaces_is_refused(served: Start, job: Job) -> None:
    _place(job, MODEL + "\ndef transform_fn(*_): pass\ndef output_fn(*_): pass\n")
    with pytest.raises(RuntimeError, match="defines transform_fn and output_fn"):
        served()


def test_sklearn_without_inference_code_ends_the_server(served: Start, job: Job) -> None:
    with pytest.raises(RuntimeError, match=r"must define model_fn.*'inference\.py'"):
        served(MLSTUDIO_FRAMEWORK="sklearn")
