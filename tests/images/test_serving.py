"""The inference server over a real socket: HTTP, and the algorithm's formats."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost as xgb
from mlstudio_runtime import recordio
from sklearn.datasets import dump_svmlight_file, load_iris

from .support import Client, Job

Data = tuple[np.ndarray, np.ndarray]
Start = Callable[..., Client]


def _train(job: Job, data: Data, name: str = "xgboost-model", **parameters: object) -> xgb.Booster:
    features, labels = data
    model = xgb.train(parameters, xgb.DMatrix(features, label=labels), 5)
    (job.base / "model" / name).write_bytes(model.save_raw("ubj"))
    return model


@pytest.fixture
def binary(job: Job, cancer: Data) -> np.ndarray:
    """Save a binary classifier and return what it predicts for the first five rows."""
    model = _train(job, cancer, objective="binary:logistic", max_depth=3)
    return model.predict(xgb.DMatrix(cancer[0][:5]))


@pytest.fixture
def iris() -> Data:
    return load_iris(return_X_y=True)


def _csv(rows: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savetxt(out, rows, delimiter=",", fmt="%.9g")
    return out.getvalue()


def _libsvm(rows: np.ndarray, labelled: bool) -> bytes:
    out = io.BytesIO()
    dump_svmlight_file(rows.astype(float), np.zeros(len(rows)), out, zero_based=True)
    if labelled:
        return out.getvalue()
    return b"\n".join(line.partition(b" ")[2] for line in out.getvalue().splitlines())


def test_each_format_in(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client, rows = served(), cancer[0][:5]
    bodies = {
        "text/csv": _csv(rows),
        "text/csv; label_size=0": _csv(rows),
        "text/libsvm": _libsvm(rows, labelled=True),
        "text/x-libsvm": _libsvm(rows, labelled=False),
        "application/x-recordio-protobuf": recordio.write(rows),
    }
    for kind, body in bodies.items():
        answer = client.invoke(body, Content_Type=kind)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"].startswith("text/csv")
        np.testing.assert_allclose(
            [float(v) for v in answer.body.decode().split(",")], binary, rtol=1e-6
        )
    assert client.invoke(_csv(rows)).status == 200


def test_each_format_out(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client, body = served(), _csv(cancer[0][:5])

    def ask(accept: str) -> bytes:
        answer = client.invoke(body, Content_Type="text/csv", Accept=accept)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(accept.partition(",")[0])
        return answer.body

    predictions = json.loads(ask("application/json"))["predictions"]
    np.testing.assert_allclose([p["score"] for p in predictions], binary, rtol=1e-6)
    lines = [json.loads(line) for line in ask("application/jsonlines").splitlines()]
    assert lines == predictions
    records = recordio.read_fields(ask("application/x-recordio-protobuf"))
    np.testing.assert_allclose([r["score"][0] for r in records], binary, rtol=1e-6)
    assert ask("application/json, text/csv") == ask("application/json")


def test_batch_transform_gets_a_line_a_row(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client = served(SAGEMAKER_BATCH="true", SAGEMAKER_MAX_PAYLOAD_IN_MB="3")
    answer = client.invoke(_csv(cancer[0][:5]), Content_Type="text/csv")
    assert answer.body.endswith(b"\n")
    np.testing.assert_allclose([float(v) for v in answer.body.split()], binary, rtol=1e-6)
    parameters = json.loads(client.request("GET", "/execution-parameters").body)
    assert parameters == {
        "MaxConcurrentTransforms": 2,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 3,
    }


def test_the_default_accept_is_a_setting(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client = served(SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="application/json")
    for headers in ({}, {"Accept": "*/*"}):
        answer = client.invoke(_csv(cancer[0][:1]), Content_Type="text/csv", **headers)
        assert json.loads(answer.body)["predictions"][0]["score"] == pytest.approx(binary[0])


def test_bad_requests_are_told_why(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client, body = served(MAX_CONTENT_LENGTH="100000"), _csv(cancer[0][:1])
    cases = [
        (body, {"Content_Type": "image/png"}, 415, "image/png"),
        (body, {"Content_Type": "text/csv", "Accept": "image/png"}, 406, "image/png"),
        (b"1,2,x", {"Content_Type": "text/csv"}, 400, "'x'"),
        (b"1,2,3", {"Content_Type": "text/csv"}, 400, "3 feature(s) a row, the model has 30"),
        (b"1,2\n1", {"Content_Type": "text/csv"}, 400, "number of columns"),
        (b"0 99:1", {"Content_Type": "text/libsvm"}, 400, "100 feature(s)"),
        (b"0 -1:1", {"Content_Type": "text/libsvm"}, 400, "negative"),
        (b"12345678", {"Content_Type": "application/x-recordio-protobuf"}, 400, "RecordIO"),
        (b"\xff", {"Content_Type": "text/csv"}, 400, "utf-8"),
        (b"1" * 100_001, {"Content_Type": "text/csv"}, 413, "100000"),
    ]
    for payload, headers, status, message in cases:
        answer = client.invoke(payload, **headers)
        assert (answer.status, message in answer.body.decode()) == (status, True), answer
    assert client.invoke(b"", Content_Type="text/csv").status == 204
    assert client.request("GET", "/invocations").status == 405
    assert client.request("GET", "/nothing").status == 404


ROW = {
    "predicted_label": 0,
    "labels": [0, 1],
    "probability": 0.2,
    "probabilities": [0.8, 0.2],
    "raw_score": 0.2,
    "raw_scores": [0.8, 0.2],
}


def test_selected_keys_of_two_classes(served: Start, binary: np.ndarray, cancer: Data) -> None:
    keys = "predicted_label, probability,probabilities,labels,raw_score,raw_scores,predicted_score"
    client, body = served(SAGEMAKER_INFERENCE_OUTPUT=keys), _csv(cancer[0][:1])
    p = float(binary[0])
    answer = client.invoke(body, Content_Type="text/csv", Accept="application/json")
    [row] = json.loads(answer.body)["predictions"]
    assert list(row) == [key.strip() for key in keys.split(",")]
    assert row["predicted_label"] == int(p > 0.5)
    assert row["labels"] == [0, 1]
    assert row["probability"] == row["raw_score"] == pytest.approx(p)
    assert row["probabilities"] == row["raw_scores"] == pytest.approx([1 - p, p])
    assert np.isnan(row["predicted_score"])
    line = client.invoke(body, Content_Type="text/csv").body.decode()
    assert line.startswith(f'{int(p > 0.5)},{p},"[')
    assert line.endswith(",nan")
    records = client.invoke(
        body, Content_Type="text/csv", Accept="application/x-recordio-protobuf"
    ).body
    assert recordio.read_fields(records)[0]["labels"] == [0.0, 1.0]


def test_selected_keys_of_three_classes(served: Start, job: Job, iris: Data) -> None:
    model = _train(job, iris, objective="multi:softprob", num_class=3)
    expected = model.predict(xgb.DMatrix(iris[0][:3]))
    client = served(SAGEMAKER_INFERENCE_OUTPUT="predicted_label,probability,labels")
    answer = client.invoke(
        _csv(iris[0][:3]), Content_Type="text/csv", Accept="application/jsonlines"
    )
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["predicted_label"] for row in rows] == expected.argmax(axis=1).tolist()
    assert [row["probability"] for row in rows] == pytest.approx(expected.max(axis=1).tolist())
    assert rows[0]["labels"] == [0, 1, 2]


def test_selected_keys_of_regression(served: Start, job: Job, iris: Data) -> None:
    model = _train(job, iris, objective="reg:squarederror")
    expected = model.predict(xgb.DMatrix(iris[0][:1]))
    client = served(SAGEMAKER_INFERENCE_OUTPUT="predicted_score,labels")
    answer = client.invoke(_csv(iris[0][:1]), Content_Type="text/csv", Accept="application/json")
    [row] = json.loads(answer.body)["predictions"]
    assert row["predicted_score"] == pytest.approx(float(expected[0]))
    assert np.isnan(row["labels"])


def test_models_of_folds_are_averaged_or_vote(served: Start, job: Job, iris: Data) -> None:
    thirds = [(iris[0][fold::3], iris[1][fold::3]) for fold in range(3)]
    models = [
        _train(job, data, f"xgboost-model-{fold}", objective="multi:softmax", num_class=3)
        for fold, data in enumerate(thirds)
    ]
    votes = np.array([model.predict(xgb.DMatrix(iris[0])) for model in models]).astype(int)
    expected = [np.bincount(column).argmax() for column in votes.T]
    answer = served().invoke(_csv(iris[0]), Content_Type="text/csv")
    assert [float(value) for value in answer.body.split(b",")] == expected


def test_keep_alive_chunks_and_pipelines(served: Start, binary: np.ndarray, cancer: Data) -> None:
    client, body = served(), _csv(cancer[0][:1])
    connection = client.connect()
    expected = None
    for data, headers in (
        (body, {}),
        (iter([body[:10], body[10:]]), {"Transfer-Encoding": "chunked"}),
    ):
        connection.request(
            "POST",
            "/invocations",
            data,
            {"Content-Type": "text/csv", **headers},
            encode_chunked=bool(headers),
        )
        sock = connection.sock
        response = connection.getresponse()
        assert response.status == 200
        got = response.read()
        expected = expected or got
        assert got == expected
        assert connection.sock is sock
    connection.close()
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", client.port)) as raw:
        raw.sendall((head + "\r\n").encode() + body + b"GET /ping HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: raw.recv(65536), b""))
        assert received.count(b"HTTP/1.1 200 OK") == 2
        assert b"Connection: close" in received
    with socket.create_connection(("127.0.0.1", client.port)) as raw:
        raw.sendall((head + "Expect: 100-continue\r\n\r\n").encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 100 ")
        raw.sendall(body)
        assert raw.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length : 1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_malformed_http_is_refused_and_the_server_lives(
    served: Start, binary: np.ndarray, request_bytes: bytes
) -> None:
    client = served(SAGEMAKER_MODEL_SERVER_WORKERS="1")
    with socket.create_connection(("127.0.0.1", client.port)) as raw:
        raw.sendall(request_bytes)
        status = int(raw.recv(1000).split()[1])
    assert 400 <= status < 600
    assert client.request("GET", "/ping").status == 200


def test_many_clients_at_once(served: Start, job: Job, cancer: Data) -> None:
    model = _train(job, cancer, objective="reg:squarederror")
    expected = model.predict(xgb.DMatrix(cancer[0][:64]))
    client = served()

    def ask(row: int) -> float:
        return float(client.invoke(_csv(cancer[0][row : row + 1]), Content_Type="text/csv").body)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, list(range(64)) * 4))
    np.testing.assert_allclose(answers, np.tile(expected, 4), rtol=1e-6)


def test_a_worker_that_dies_is_replaced(served: Start, binary: np.ndarray) -> None:
    client = served()
    children = f"/proc/{client.process.pid}/task/{client.process.pid}/children"
    with open(children) as file:
        before = {int(pid) for pid in file.read().split()}
    assert len(before) == 2
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open(children) as file:
            now = {int(pid) for pid in file.read().split()}
        if len(now) == 2 and victim not in now:
            break
        time.sleep(0.05)
    assert len(now - before) == 1
    assert client.request("GET", "/ping").status == 200
    client.process.terminate()
    assert client.process.wait(20) == 0


def test_a_model_that_cannot_be_read_ends_the_server(served: Start, job: Job) -> None:
    (job.base / "model" / "xgboost-model").write_bytes(b"not a model")
    with pytest.raises(RuntimeError, match=r"not a model xgboost .* can read"):
        served()
