"""What is special about PostgreSQL: one studio per schema, sessions that are lost, what is said."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from jupyter_mlstudio.core.controllers import Controllers
from jupyter_mlstudio.core.database import DatabaseUnavailable
from jupyter_mlstudio.core.postgres import PostgresDatabase, describe, parse
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Resource, Store
from jupyter_mlstudio.core.studio import Studio
from tests.postgres import Postgres, server

from .conftest import ACCOUNT, REGION, WIDGET
from .fake_engine import FakeEngine


@pytest.fixture
def url() -> str:
    return server().schema()


@pytest.fixture
def open_as(url: str) -> Iterator[Callable[..., PostgresDatabase]]:
    """Give a function that opens the same schema as a studio."""
    opened: list[PostgresDatabase] = []

    def make(studio_id: str) -> PostgresDatabase:
        database = PostgresDatabase(url, studio_id)
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.close()


def create(store: Store, name: str) -> Resource:
    return store.create(WIDGET, ACCOUNT, REGION, name, wish={}, status="InProgress")


def until(done: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def usable(database: PostgresDatabase) -> bool:
    try:
        database.check()
    except DatabaseUnavailable:
        return False
    return True


def test_a_second_studio_is_refused_and_may_follow(
    open_as: Callable[[str], PostgresDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.core.postgres._PATIENCE", 0.2)
    first = open_as("first")
    with pytest.raises(DatabaseUnavailable, match=r"another studio \(first\) uses its schema s\d"):
        open_as("second")
    create(Store(first), "one")
    first.close()
    assert Store(open_as("second")).counts() == {("TestWidget", "InProgress"): 1}


def test_who_was_replaced_neither_writes_nor_reads(
    open_as: Callable[[str], PostgresDatabase],
) -> None:
    """A studio whose session is cut waits while another has the database, and goes on after it."""
    first = open_as("first")
    server().cut("first")
    second = open_as("second")
    with pytest.raises(DatabaseUnavailable, match=r"another studio \(second\)"):
        create(Store(first), "late")
    with pytest.raises(DatabaseUnavailable, match=r"another studio \(second\)"):
        Store(first).counts()
    assert Store(second).counts() == {}
    second.close()
    until(lambda: usable(first))
    create(Store(first), "again")
    assert Store(first).counts() == {("TestWidget", "InProgress"): 1}


def test_a_change_whose_session_is_cut_is_not_made(
    open_as: Callable[[str], PostgresDatabase],
) -> None:
    database = open_as("studio")
    store = Store(database)
    made = create(store, "one")
    with pytest.raises(DatabaseUnavailable), store.edit(made.uid) as draft:
        draft.status = "Done"
        server().cut("studio")
    until(lambda: usable(database))
    assert store.by_uid(made.uid) == made
    with store.edit(made.uid) as draft:
        draft.status = "Ready"
    assert [event.status for event in store.changes(0, 9)] == ["InProgress", "Ready"]


def test_events_are_numbered_in_the_order_they_are_seen(
    open_as: Callable[[str], PostgresDatabase],
) -> None:
    """Many write at once, some in vain; a reader that never looks back misses none."""
    store = Store(open_as("studio"))
    writing = True
    seen: list[str] = []

    def write(writer: int) -> None:
        for number in range(25):
            create(store, f"{writer}-{number}")
            with pytest.raises(ZeroDivisionError), store.database.write() as connection:
                connection.exec_driver_sql("SELECT nextval('events_cursor_seq')")
                _ = 1 / 0

    def read() -> None:
        cursor, last = 0, False
        while not last:
            last = not writing
            for event in store.changes(cursor, 3):
                seen.append(event.name)
                cursor, last = event.cursor, False

    reader = Thread(target=read)
    writers = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writing = False
    reader.join()
    assert sorted(seen) == sorted(f"{w}-{n}" for w in range(4) for n in range(25))


def test_text_that_postgresql_cannot_hold_is_kept_as_well_as_it_can(
    open_as: Callable[[str], PostgresDatabase],
) -> None:
    store = Store(open_as("studio"))
    wish = {"b": "\0\ud800", "a": [float("inf"), 1e-300]}
    made = store.create(
        WIDGET, ACCOUNT, REGION, "odd", wish=wish, status="Ready", step=("Ready", "said \0\ud800")
    )
    again = store.by_uid(made.uid)
    assert again is not None
    assert (again.wish, list(again.wish)) == (wish, ["b", "a"])
    assert [step.message for step in store.history(made.uid)] == ["said \ufffd\ufffd"]


def test_a_server_that_is_away_is_said_fast_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.core.controllers.AWAY", 0.1)
    postgres = Postgres()
    studio = Studio(load_settings(tmp_path, database=postgres.schema()), FakeEngine())
    try:
        studio.start()
        create(studio.store, "before")
        postgres.kill()
        started = time.monotonic()
        for attempt in range(20):
            with pytest.raises(DatabaseUnavailable) as refused:
                create(studio.store, f"away-{attempt}")
            assert refused.value.status == 503
        with pytest.raises(DatabaseUnavailable):
            studio.store.counts()
        assert time.monotonic() - started < 2
        postgres.start()
        until(lambda: usable(studio.database))
        create(studio.store, "after")
        assert studio.store.counts() == {("TestWidget", "InProgress"): 2}
    finally:
        studio.close()
        postgres.close()


def test_controllers_are_called_again_once_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jupyter_mlstudio.core.controllers.AWAY", 0.05)
    studio = Studio(load_settings(tmp_path), FakeEngine())
    away = threading.Event()
    calls: list[float] = []

    class Looking:
        def reconcile(self, uid: str) -> float | None:
            calls.append(time.monotonic())
            if away.is_set():
                raise DatabaseUnavailable("it is away")
            return None

    monkeypatch.setattr(
        "jupyter_mlstudio.core.controllers._CONTROLLERS", {WIDGET.name: lambda _: Looking()}
    )
    monkeypatch.setattr("jupyter_mlstudio.core.controllers._SINGLE", [])
    controllers = Controllers(studio)
    away.set()
    with caplog.at_level(logging.INFO):
        controllers.start()
        controllers.look(WIDGET.name, "1")
        until(lambda: len(calls) > 3)
        away.clear()
        seen = len(calls)
        until(lambda: len(calls) > seen)
        controllers.close()
    assert not [record for record in caplog.records if record.exc_info]
    studio.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:secret@h/d", "starts with mysql://"),
        ("postgresql+asyncpg://u:secret@h/d", r"starts with postgresql\+asyncpg://"),
        ("secret", "neither 'sqlite' nor a URL"),
        ("postgresql://u:my@secret@h/d", "write it as %40"),
    ],
)
def test_another_url_is_refused_and_not_shown(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        parse(url)
    assert "secret" not in str(refused.value)


def test_a_database_is_described_without_its_password() -> None:
    url = "postgresql://me:secret@db.example:5433/studio?sslmode=require"
    assert describe(url) == "PostgreSQL at db.example:5433, database studio"
    assert str(parse(url)).startswith("postgresql+psycopg://me:***@")


def test_an_unknown_schema_is_named_as_the_reason() -> None:
    with pytest.raises(DatabaseUnavailable, match="the schema that its URL names does not exist"):
        PostgresDatabase(server().url("nowhere"), "studio")
