"""Every route: who may ask, and in which form it refuses."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketHandler
from traitlets.config import Config

from jupyter_mlstudio.server.connection import StudioConnection
from jupyter_mlstudio.server.extension import MLStudioExtension
from jupyter_mlstudio.server.handlers import default_handlers
from jupyter_mlstudio.wire.errors import AWSError

from .conftest import BASE_URL, Answer

VERBS = ("get", "post", "put", "patch", "delete")

PATHS = {
    r"/mlstudio/jobs/([^/]+)": "jobs/x",
    r"/mlstudio/endpoints/([^/]+)": "endpoints/x",
    r"/mlstudio/logs/([A-Za-z]+)/([^/]+)": "logs/TrainingJob/x",
    r"/mlstudio/registry/([^/]+)": "registry/x",
    r"/mlstudio/s3/([^/]+)/folder": "s3/b/folder",
    r"/mlstudio/s3/([^/]+)/count": "s3/b/count",
    r"/mlstudio/s3/([^/]+)/deletion": "s3/b/deletion",
    r"/mlstudio/s3/([^/]+)/preview": "s3/b/preview",
    r"/mlstudio/s3/([^/]+)/object": "s3/b/object",
    r"/mlstudio/s3/([^/]+)/files": "s3/b/files",
    r"/mlstudio/api/([a-z0-9-]+)/([A-Za-z0-9]+)": "api/sagemaker/ListEndpoints",
}


WITHOUT_STUDIO = ("quickstart",)
"""What is answered without a studio."""


def routes() -> list[tuple[str, str]]:
    """Return (verb, path) of everything the handler lists answer."""
    found = []
    for pattern, handler, *_ in default_handlers:
        path = PATHS.get(pattern, pattern.removeprefix("/mlstudio/"))
        assert "(" not in path, f"say in PATHS what {pattern} looks like"
        found += [(verb, path) for verb in VERBS if verb in vars(handler)]
    return found


@pytest.mark.parametrize(("verb", "path"), routes())
def test_without_a_token_every_route_refuses_in_json(
    fetch: Callable[..., Answer], verb: str, path: str
) -> None:
    body = "{}" if verb == "post" else None
    headers = {"Authorization": "token wrong"}
    answer = fetch(*path.split("/"), method=verb.upper(), body=body, headers=headers)
    assert answer.status == 403
    assert answer.document["code"] == "Forbidden"


@pytest.mark.parametrize("path", [path for verb, path in routes() if verb == "post"])
def test_a_browser_cannot_change_anything_without_the_xsrf_token(
    jp_serverapp: ServerApp,
    http_server_port: tuple[object, int],
    run: Callable[[Any], Any],
    fetch: object,
    path: str,
) -> None:
    cookies = run(_login(http_server_port[1], jp_serverapp.identity_provider.token))
    url = f"http://127.0.0.1:{http_server_port[1]}{BASE_URL}mlstudio/{path}"
    response = run(
        AsyncHTTPClient().fetch(
            url, method="POST", body="{}", headers={"Cookie": cookies}, raise_error=False
        )
    )
    assert response.code == 403
    assert "_xsrf" in json.loads(response.body)["message"]


async def _login(port: int, token: str) -> str:
    """Return the cookies of a browser that logged in."""
    response = await AsyncHTTPClient().fetch(
        f"http://127.0.0.1:{port}{BASE_URL}lab?token={token}",
        follow_redirects=False,
        raise_error=False,
    )
    cookies = [cookie.split(";")[0] for cookie in response.headers.get_list("Set-Cookie")]
    assert any(cookie.startswith("username-") for cookie in cookies)
    return "; ".join(cookies)


def test_every_verb_asks_who_you_are(jp_configurable_serverapp: Callable[..., ServerApp]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", JupyterServerAuthWarning)
        app = jp_configurable_serverapp()
    assert "jupyter_mlstudio" in app.extension_manager.extension_apps


@pytest.mark.parametrize(
    ("verb", "path"),
    [(verb, path) for verb, path in routes() if verb == "get" and path not in WITHOUT_STUDIO],
)
def test_without_a_studio_every_view_says_what_to_do(
    fetch: Callable[..., Answer], verb: str, path: str
) -> None:
    answer = fetch(*path.split("/"))
    assert answer.status == 503
    assert answer.document["code"] == "StudioUnavailable"
    assert "jupyter mlstudio start" in answer.document["message"]


def test_an_unknown_verb_is_refused_in_json(fetch: Callable[..., Answer]) -> None:
    answer = fetch("jobs", method="DELETE")
    assert (answer.status, answer.document["code"]) == (405, "MethodNotAllowed")


def test_jupyter_starts_where_the_root_is_no_folder(
    jp_server_config: Config, tmp_path: Path, fetch: Callable[..., Answer], jp_serverapp: ServerApp
) -> None:
    (tmp_path / "studio").write_text("in the way")
    answer = fetch("start", method="POST", body="{}")
    assert answer.status == 503
    assert str(tmp_path / "studio") in answer.document["message"]


def test_every_trait_has_help() -> None:
    own = {name: trait for name, trait in vars(MLStudioExtension).items() if hasattr(trait, "help")}
    traits = {name: trait for name, trait in own.items() if trait.metadata.get("config")}
    assert set(traits) == {"root", "compute", "studio_url", "autostart", "kernel_profile"}
    assert all(trait.help for trait in traits.values())


def test_stopping_ends_the_background_tasks(
    jp_serverapp: ServerApp, run: Callable[[Any], Any]
) -> None:
    extension = jp_serverapp.extension_manager.extension_points["jupyter_mlstudio"].app
    run(extension._start_jupyter_server_extension(jp_serverapp))
    tasks = list(extension._tasks)
    assert tasks
    run(extension.stop_extension())
    assert all(task.done() for task in tasks)


def rules(router: Any) -> Iterator[Any]:
    """Yield every route below a router."""
    for rule in getattr(router, "rules", ()):
        yield rule
        yield from rules(rule.target)


def test_the_server_has_no_route_of_ours_but_those_tried_here(jp_serverapp: ServerApp) -> None:
    web_app = jp_serverapp.web_app
    ours = [
        rule
        for router in (web_app.default_router, web_app.wildcard_router)
        for rule in rules(router)
        if str(getattr(rule.target, "__module__", "")).startswith("jupyter_mlstudio")
    ]
    found = {rule.matcher.regex.pattern.rstrip("$").rpartition("/mlstudio/")[2] for rule in ours}
    assert found == {pattern.rpartition("/mlstudio/")[2] for pattern, *_ in default_handlers}
    # A websocket would have to be asked for its token by itself.
    assert not any(issubclass(rule.target, WebSocketHandler) for rule in ours)


class Anything(dict[str, Any]):
    """An answer with every list that there could be."""

    def __missing__(self, name: str) -> list[Any]:
        return []


def test_no_get_asks_the_studio_for_a_change(
    jp_serverapp: ServerApp, fetch: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def call(self: object, service: str, operation: str, *_: object) -> Anything:
        asked.append(operation)
        return Anything()

    async def open_object(*_: object) -> None:
        asked.append("GetObject")
        raise AWSError("NoSuchKey", "The specified key does not exist.")

    monkeypatch.setattr(StudioConnection, "call", call)
    monkeypatch.setattr(StudioConnection, "open", open_object)
    for verb, path in routes():
        if verb == "get":
            before = len(asked)
            fetch(*path.split("/"))
            assert (len(asked) > before) is (path not in WITHOUT_STUDIO), path
    assert asked
    assert all(name.startswith(("List", "Describe", "Filter", "Get")) for name in asked), asked


@pytest.mark.parametrize(
    "header", [{"Host": "evil.example:8888"}, {"Origin": "https://evil.example"}]
)
def test_pages_of_others_get_nothing_from_a_browser_that_is_logged_in(
    jp_serverapp: ServerApp,
    http_server_port: tuple[object, int],
    run: Callable[[Any], Any],
    fetch: object,
    header: dict[str, str],
) -> None:
    port = http_server_port[1]
    cookies = run(_login(port, jp_serverapp.identity_provider.token))
    for verb, path in routes():
        answer = run(
            AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{port}{BASE_URL}mlstudio/{path}",
                method=verb.upper(),
                body="{}" if verb == "post" else None,
                headers={"Cookie": cookies, "Sec-Fetch-Site": "cross-site", **header},
                raise_error=False,
            )
        )
        assert answer.code in (403, 404), (path, answer.body)
        assert "Access-Control-Allow-Origin" not in answer.headers
