"""Real studio processes in roots of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import boto3
import psutil
import pytest

from jupyter_mlstudio import __version__
from jupyter_mlstudio.core.settings import Settings, load_settings, write_atomically
from jupyter_mlstudio.studio import client
from jupyter_mlstudio.studio.client import StudioError
from jupyter_mlstudio.wire.keys import KeyRing
from tests.conftest import RunningStudio


def sts(settings: Settings) -> str:
    """Return who the studio says its own key is."""
    key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    connected = boto3.client(
        "sts",
        endpoint_url=settings.url,
        region_name=settings.region,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
    )
    return connected.get_caller_identity()["Arn"]


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_start_find_and_stop(settings: Settings) -> None:
    assert client.find(settings) is None
    info = client.ensure(settings)
    assert client.find(settings) == info
    assert client.ensure(settings) == info
    assert sts(settings) == settings.user_arn
    health = info.health()
    assert health["studio_id"] == settings.studio_id
    assert health["busy"] is False
    processes = [info.pid, *health["processes"].values()]
    assert client.stop(settings) is True
    assert all(gone(pid) for pid in processes)
    assert client.find(settings) is None
    assert client.stop(settings) is False
    assert not list(settings.run.glob("*.json"))


def test_the_health_has_no_secret(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    info = client.ensure(settings)
    key = KeyRing.load(settings.master_key).user_key(settings.account, settings.user_arn)
    with urllib.request.urlopen(f"{info.url}/_health") as answer:  # noqa: S310 - our own address
        text = answer.read().decode()
    assert key.secret_key not in text
    assert str(settings.root) not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Cookie": "a=b"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "rebound.example:{port}"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1"},
    ],
)
def test_no_web_page_is_told_the_health(
    process_studio: RunningStudio, headers: dict[str, str]
) -> None:
    settings = load_settings(process_studio.settings.root)
    sent = {name: value.format(port=settings.port) for name, value in headers.items()}
    assert refused(f"{settings.url}/_health", sent)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_programs_here_are_told_the_health(process_studio: RunningStudio, name: str) -> None:
    settings = load_settings(process_studio.settings.root)
    assert not refused(f"{settings.url}/_health", {"Host": f"{name}:{settings.port}"})


def test_no_web_page_is_given_credentials(process_studio: RunningStudio) -> None:
    port = load_settings(process_studio.settings.root).container_port
    url = f"http://127.0.0.1:{port}/v2/credentials/x-y"
    assert refused(url, {"Origin": "http://evil.example"})


def refused(url: str, headers: dict[str, str]) -> bool:
    """Say whether a request is answered with AccessDenied rather than 200."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request):  # noqa: S310 - our own address
            return False
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 403 and json.load(error)["code"] == "AccessDenied"


def test_requests_of_s3_are_not_logged(process_studio: RunningStudio) -> None:
    process_studio.client("s3").list_buckets()
    log = (process_studio.settings.run / "s3.log").read_text()
    assert "Serving S3" in log
    assert "ListBuckets" not in log


def test_the_studio_is_nobodys_child(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    info = client.ensure(settings)
    process = psutil.Process(info.pid)
    assert os.getpid() not in [parent.pid for parent in process.parents()]
    assert os.getsid(info.pid) == info.pid


def test_a_second_process_says_who_runs(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    info = client.ensure(settings)
    second = subprocess.run(
        [sys.executable, "-m", client.MODULE, "--root", str(settings.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == client.ALREADY_RUNNING
    assert f"process {info.pid}" in second.stderr


def test_many_at_once_get_one_studio(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: client.ensure(settings), range(4)))
    assert len({info.pid for info in found}) == 1


def test_a_killed_studio_is_replaced_and_its_processes_adopted(settings: Settings) -> None:
    first = client.ensure(settings)
    processes = first.health()["processes"]
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: gone(first.pid))
    assert client.find(settings) is None
    second = client.ensure(settings)
    assert second.pid != first.pid
    assert second.health()["processes"] == processes
    assert sts(settings) == settings.user_arn


@pytest.mark.parametrize("pid", ["dead", "reused"])
def test_a_stale_run_file_is_recognised(settings: Settings, pid: str) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    number = done.pid if pid == "dead" else os.getpid()
    stale = {
        "pid": number,
        "started": time.time() - 100,
        "version": __version__,
        "studio_id": settings.studio_id,
        **dict.fromkeys(("url", "s3_url", "gateway_url"), "http://127.0.0.1:1"),
    }
    write_atomically(client.run_file(settings), json.dumps(stale))
    (settings.run / "studio.lock").write_text(str(number))
    assert client.find(settings) is None
    assert client.stop(settings) is False
    assert client.ensure(settings).pid != number


def test_an_idle_studio_of_another_version_is_replaced(settings: Settings) -> None:
    first = client.ensure(settings)
    older(settings)
    second = client.ensure(settings)
    assert (second.version, second.pid != first.pid) == (__version__, True)


def test_a_busy_studio_of_another_version_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.ensure(settings)
    older(settings)
    health = first.health()
    monkeypatch.setattr(client.StudioInfo, "health", lambda *_: {**health, "busy": True})
    with pytest.raises(StudioError, match=r"version 0\.0\.1 .* has work to do"):
        client.ensure(settings)
    assert not gone(first.pid)


def test_a_studio_that_hangs_is_said_to_hang(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    info = client.ensure(settings)
    os.kill(info.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StudioError, match=f"process {info.pid}.* does not answer"):
            client.ensure(settings, timeout=1)
    finally:
        os.kill(info.pid, signal.SIGCONT)
    assert client.ensure(settings).pid == info.pid


def test_the_s3_front_and_the_gateway_come_back(settings: Settings) -> None:
    info = client.ensure(settings)
    before = info.health()["processes"]
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        now = info.health()["processes"]
        return all(now[name] not in (None, pid) for name, pid in before.items())

    wait_for(back)


def test_a_taken_port_is_moved(settings: Settings) -> None:
    with socket_at(settings.host, settings.port):
        info = client.ensure(settings)
    moved = load_settings(settings.root)
    assert moved.port != settings.port
    assert info.url == moved.url
    unmoved = {**asdict(moved), "port": settings.port}
    assert unmoved == asdict(settings)
    assert sts(moved) == settings.user_arn


def test_idle_exit(settings: Settings) -> None:
    info = client.ensure(load_settings(settings.root, idle_exit=2))
    processes = info.health()["processes"].values()
    wait_for(lambda: gone(info.pid) and all(gone(pid) for pid in processes))
    assert client.find(settings) is None
    client.ensure(settings)


def test_requests_keep_a_studio_awake(settings: Settings) -> None:
    info = client.ensure(load_settings(settings.root, idle_exit=2))
    for _ in range(8):
        time.sleep(0.5)
        sts(settings)
    assert client.find(settings) == info


def test_containers_get_credentials_only_with_their_path(process_studio: RunningStudio) -> None:
    settings = process_studio.settings
    client.ensure(settings)
    for path in ("", "/v2/credentials/", "/v2/credentials/0123-4567", "/v2/credentials/x"):
        url = f"http://127.0.0.1:{settings.container_port}{path}"
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url)
        assert error.value.code in (403, 404)
        error.value.close()


def test_a_root_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        client.ensure(load_settings(tmp_path / "file"))


def test_a_studio_that_cannot_start_says_why(settings: Settings) -> None:
    settings.objects.write_text("not a folder")
    with pytest.raises(StudioError, match=r"did not start: The studio cannot start: s3 ended with"):
        client.ensure(settings)


def older(settings: Settings) -> None:
    path = client.run_file(settings)
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": "0.0.1"}))


def socket_at(host: str, port: int) -> socket.socket:
    taken = socket.socket()
    taken.bind((host, port))
    taken.listen()
    return taken
