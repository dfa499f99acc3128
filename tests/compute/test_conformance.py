"""What every engine does alike, run on each of them."""

from __future__ import annotations

import hashlib
import itertools
import queue
import sys
import time
from pathlib import Path

import pytest
import requests

from jupyter_mlstudio.compute.docker_engine import DockerEngine
from jupyter_mlstudio.compute.docker_logs import CUT, MAX_LINE
from jupyter_mlstudio.compute.process_engine import ProcessEngine
from jupyter_mlstudio.compute.protocol import (
    ContainerState,
    Engine,
    Folder,
    ImageNotFound,
    Limits,
    Overlay,
    Phase,
)
from tests.compute.conftest import ACCESS, BUSYBOX, Specify


def ended(engine: Engine, name: str, patience: float = 20) -> ContainerState:
    """Wait for a container to end."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        state = engine.inspect(name)
        assert state is not None
        if state.phase is Phase.EXITED:
            return state
        time.sleep(0.05)
    raise AssertionError(f"{name} did not end: {state}")


def texts(engine: Engine, name: str, since_ns: int = 0) -> list[str]:
    return [line.text for line in engine.logs(name, since_ns)]


def reopened(engine: Engine, tmp_path: Path) -> Engine:
    """Return an engine as a restarted studio would make it."""
    if isinstance(engine, DockerEngine):
        paths = engine.paths
        return DockerEngine(engine.studio_id, root=tmp_path, access=ACCESS, paths=paths)
    assert isinstance(engine, ProcessEngine)
    return ProcessEngine(
        engine.studio_id, root=tmp_path, access=ACCESS, command_for=lambda *_: None
    )


def test_a_container_runs_to_its_end(engine: Engine, specify: Specify) -> None:
    before = time.time()
    spec = specify("echo $GREETING; echo oops >&2; exit 3", environment={"GREETING": "hello"})
    engine.start(spec)
    assert sorted(texts(engine, spec.name)) == ["hello", "oops"]
    state = ended(engine, spec.name)
    assert (state.exit_code, state.oom_killed, state.error) == (3, False, None)
    assert state.started_at is not None
    assert state.finished_at is not None
    assert before - 1 < state.started_at <= state.finished_at < time.time() + 1


def test_starting_again_changes_nothing(engine: Engine, specify: Specify) -> None:
    spec = specify("echo once >> $SAGEMAKER_BASE_DIR/out/runs")
    out = spec.base / "opt/ml/out"
    out.mkdir(parents=True)
    spec = specify("echo once >> $SAGEMAKER_BASE_DIR/out/runs", mounts=[Folder(out, "/opt/ml/out")])
    engine.start(spec)
    engine.start(spec)
    ended(engine, spec.name)
    engine.start(spec)
    engine.readable_tree(out)
    assert (out / "runs").read_text() == "once\n"
    assert [state.name for state in engine.owned()] == [spec.name]


def test_labels_come_back(engine: Engine, specify: Specify) -> None:
    spec = specify("true", labels={"mlstudio.kind": "training-job"})
    engine.start(spec)
    assert engine.owned()[0].labels["mlstudio.kind"] == "training-job"


def test_another_studio_finds_its_containers_again(
    engine: Engine, specify: Specify, tmp_path: Path
) -> None:
    spec = specify("echo first; sleep 1; echo second; sleep 30")
    engine.start(spec)
    lines = engine.logs(spec.name)
    first = next(lines)
    engine.close()
    again = reopened(engine, tmp_path)
    try:
        assert [state.phase for state in again.owned()] == [Phase.RUNNING]
        assert next(again.logs(spec.name, first.time_ns)).text == "second"
        again.stop(spec.name, 1)
        assert ended(again, spec.name).exit_code in (137, 143)
    finally:
        again.remove(spec.name)
        again.close()


def test_logs_are_resumed_without_loss_or_repetition(engine: Engine, specify: Specify) -> None:
    spec = specify("seq 1 3000; seq 3001 6000 >&2")
    engine.start(spec)
    seen: list[str] = []
    since = 0
    for size in itertools.cycle((1, 7, 500, 2)):
        part = list(itertools.islice(engine.logs(spec.name, since), size))
        if not part:
            break
        seen += [line.text for line in part]
        assert [line.time_ns for line in part] == sorted({line.time_ns for line in part})
        assert part[0].time_ns > since
        since = part[-1].time_ns
        if size == 500 and len(seen) > 2000:
            seen += texts(engine, spec.name, since)
            break
    assert sorted(map(int, seen)) == list(range(1, 6001))


def test_a_long_line_is_one_line(engine: Engine, specify: Specify) -> None:
    spec = specify("head -c 100000 /dev/zero | tr '\\0' x; echo; echo after")
    engine.start(spec)
    assert texts(engine, spec.name) == ["x" * 100_000, "after"]


def test_an_endless_line_is_cut_with_a_mark(engine: Engine, specify: Specify) -> None:
    spec = specify("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after")
    engine.start(spec)
    assert texts(engine, spec.name) == ["x" * MAX_LINE + CUT, "after"]


def test_odd_bytes_and_a_missing_newline(engine: Engine, specify: Specify) -> None:
    spec = specify("printf 'a\\377b\\n\\n\\033[31mred\\n\\0nul\\nlast'")
    engine.start(spec)
    assert texts(engine, spec.name) == ["a\ufffdb", "", "\x1b[31mred", "\0nul", "last"]


def test_stop_lets_a_container_finish(engine: Engine, specify: Specify) -> None:
    spec = specify("trap 'echo saving; exit 0' TERM; echo up; while true; do sleep 0.1; done")
    engine.start(spec)
    lines = engine.logs(spec.name)
    assert next(lines).text == "up"
    began = time.monotonic()
    engine.stop(spec.name, 60)
    engine.stop(spec.name, 60)
    assert time.monotonic() - began < 5
    assert [line.text for line in lines] == ["saving"]
    assert ended(engine, spec.name).exit_code == 0


def test_stop_kills_what_does_not_listen(engine: Engine, specify: Specify) -> None:
    spec = specify("trap '' TERM; echo up; while true; do sleep 0.1; done")
    engine.start(spec)
    next(engine.logs(spec.name))
    began = time.monotonic()
    engine.stop(spec.name, 2)
    state = ended(engine, spec.name)
    assert state.exit_code == 137
    assert not state.oom_killed
    assert 1.5 < time.monotonic() - began < 15


def test_a_shorter_grace_overtakes_a_longer_one(engine: Engine, specify: Specify) -> None:
    spec = specify("trap '' TERM; echo up; while true; do sleep 0.1; done")
    engine.start(spec)
    next(engine.logs(spec.name))
    began = time.monotonic()
    engine.stop(spec.name, 120)
    engine.stop(spec.name, 2)
    engine.stop(spec.name, 120)
    assert ended(engine, spec.name, patience=20).exit_code == 137
    assert 1.5 < time.monotonic() - began < 15


def test_too_much_memory_ends_the_container_only(engine: Engine, specify: Specify) -> None:
    spec = specify("cat /dev/zero | tail -c 900000000", limits=Limits(memory=64 * 1024**2))
    engine.start(spec)
    state = ended(engine, spec.name, patience=40)
    assert state.oom_killed
    assert state.exit_code == 137


def test_an_overlay_protects_what_lies_below(
    engine: Engine, specify: Specify, tmp_path: Path
) -> None:
    lower = tmp_path / "objects"
    (lower / "deep").mkdir(parents=True)
    (lower / "a.csv").write_text("1\n")
    (lower / "deep/b.csv").write_text("2\n")
    before = digest(lower)
    data = "$SAGEMAKER_BASE_DIR/input/data/train"
    spec = specify(
        f"cd {data}; echo x >> a.csv; rm deep/b.csv; touch new; cat a.csv; ls; ls deep",
        mounts=[Overlay(lower, tmp_path / "scratch", "/opt/ml/input/data/train")],
    )
    engine.start(spec)
    assert texts(engine, spec.name) == ["1", "x", "a.csv", "deep", "new"]
    assert ended(engine, spec.name).exit_code == 0
    assert digest(lower) == before


def digest(tree: Path) -> dict[str, str]:
    files = (path for path in sorted(tree.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_remove_ends_and_forgets(engine: Engine, specify: Specify, tmp_path: Path) -> None:
    (tmp_path / "lower").mkdir()
    mount = Overlay(tmp_path / "lower", tmp_path / "scratch", "/opt/ml/input/data/x")
    spec = specify("trap '' TERM; echo up; sleep 60", mounts=[mount])
    engine.start(spec)
    next(engine.logs(spec.name))
    engine.remove(spec.name)
    assert engine.inspect(spec.name) is None
    assert engine.owned() == []
    assert texts(engine, spec.name) == []
    engine.remove(spec.name)
    engine.stop(spec.name, 1)
    engine.remove_tree(tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
    engine.remove_tree(tmp_path / "scratch")


def test_what_a_container_uses_is_seen(engine: Engine, specify: Specify) -> None:
    assert engine.stats("mls-nobody") is None
    # A shell that counts, for three seconds and by itself.
    busy = "end=$(($(date +%s) + 3)); while [ $(date +%s) -lt $end ]; do :; done"
    spec = specify(busy, limits=Limits(memory=256 << 20))
    assert engine.stats(spec.name) is None
    engine.start(spec)
    time.sleep(0.5)
    first = engine.stats(spec.name)
    time.sleep(0.5)
    second = engine.stats(spec.name)
    assert first is not None
    assert second is not None
    assert abs(second.time - time.time()) < 5
    assert 0 < second.cpu - first.cpu <= (second.time - first.time) * 4
    assert 0 < second.memory < second.memory_limit == 256 << 20
    away = isinstance(engine, DockerEngine) and engine.paths.mode == "none"
    assert second.disk is None if away else 0 < (second.disk or 0) <= 100
    assert (second.received is None) == (engine.name == "process")
    ended(engine, spec.name)
    assert engine.stats(spec.name) is None


def test_changes_are_told(engine: Engine, specify: Specify) -> None:
    told: queue.Queue[str] = queue.Queue()
    engine.watch(told.put)
    spec = specify("sleep 1")
    engine.start(spec)
    assert told.get(timeout=10) == spec.name
    ended(engine, spec.name)
    assert told.get(timeout=10) == spec.name


def test_a_program_that_is_not_there(engine: Engine, specify: Specify) -> None:
    spec = specify("", command=["/no/such/program"])
    engine.start(spec)
    assert ended(engine, spec.name).exit_code == 127
    assert "/no/such/program" in texts(engine, spec.name)[0]


def test_a_server_is_reached(engine: Engine, specify: Specify) -> None:
    spec = specify("echo pong > /tmp/ping; exec httpd -f -p 8080 -h /tmp", port=8080)
    if engine.name == "process":
        python = f"cd $TMPDIR; echo pong > ping; exec {sys.executable} -m http.server"
        spec = specify(f"{python} --bind 127.0.0.1 $SAGEMAKER_BIND_TO_PORT", port=8080)
    engine.start(spec)
    state = engine.inspect(spec.name)
    assert state is not None
    assert state.address is not None
    url = f"http://{state.address[0]}:{state.address[1]}/ping"
    assert fetch(url) == b"pong\n"
    engine.stop(spec.name, 0)
    assert ended(engine, spec.name).address is None


def fetch(url: str) -> bytes:
    end = time.monotonic() + 10
    while True:
        try:
            return requests.get(url, timeout=5).content
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_an_image_that_is_not_there(engine: Engine, specify: Specify) -> None:
    assert engine.image_exists(BUSYBOX)
    assert not engine.image_exists("mlstudio-test/none:1")
    with pytest.raises(ImageNotFound, match="mlstudio-test/none:1"):
        engine.ensure_image("mlstudio-test/none:1")


def test_open_files_are_limited_and_no_core_is_written(engine: Engine, specify: Specify) -> None:
    spec = specify("grep -E 'open files|core file' /proc/self/limits")
    engine.start(spec)
    core, files = sorted(texts(engine, spec.name))
    assert core.split()[4:6] == ["0", "0"]
    assert int(files.split()[3]) <= 65536
