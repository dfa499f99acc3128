"""Every schema there ever was becomes the newest, with what was in it, on each database."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, select, text

from jupyter_mlstudio.core.cloudwatch import MetricTables, Wanted
from jupyter_mlstudio.core.database import (
    MIGRATIONS,
    Database,
    DatabaseUnavailable,
    migrate,
    newest_revision,
)
from jupyter_mlstudio.core.opening import open_database
from jupyter_mlstudio.core.samples import Metric, Sample
from jupyter_mlstudio.core.schema import metadata, metric_series
from jupyter_mlstudio.core.settings import SQLITE, Settings
from jupyter_mlstudio.core.sqlite import SqliteDatabase
from jupyter_mlstudio.core.store import Store

ACCOUNT, REGION = "123456789012", "eu-west-1"
HOST = Metric(ACCOUNT, REGION, "n", "m", (("Host", "a"),))
RESOURCE = {
    "uid": "1",
    "kind": "TrainingJob",
    "account": ACCOUNT,
    "region": REGION,
    "name": "Job",
    "folded": "job",
    "arn": "arn:job",
    "status": "Done",
    "created": 1.5,
    "modified": 2.5,
    "revision": 3,
    "wish": '{"Size": 1}',
    "facts": "{}",
}
POINT = {
    "metric": 1,
    "time": 60.0,
    "resolution": 60,
    "unit": "None",
    "count": 1.0,
    "total": 2.0,
    "minimum": 2.0,
    "maximum": 2.0,
}


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    return [each.revision for each in reversed(list(script.walk_revisions()))]


def put(connection: Connection, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)  # noqa: S608


def fill(connection: Connection, revision: str) -> None:
    """Write what a studio of that revision would have."""
    put(connection, "resources", RESOURCE)
    event = {name: RESOURCE[name] for name in ("kind", "account", "region", "name", "arn")}
    put(connection, "events", {"time": 1.5, "status": "Done", **event})
    series: dict[str, Any] = {"id": 1, "arn": "arn:job", "name": "loss"}
    if revision >= "0007":
        series |= {"points": 1, "last": 0.25, "minimum": 0.25, "maximum": 0.25}
    put(connection, "metric_series", series)
    put(connection, "metric_points", {"series": 1, "number": 1, "time": 1.5, "value": 0.25})
    if revision == "0001":
        return
    metric = {"account": ACCOUNT, "region": REGION, "namespace": "n", "name": "m", "last": 60.0}
    metric["dimensions"] = '[["Host","a"]]'
    if revision >= "0003":
        metric["digest"] = hashlib.sha256(metric["dimensions"].encode()).hexdigest()
    put(connection, "cloudwatch_metrics", {"id": 1, **metric})
    put(connection, "cloudwatch_points", POINT)


@pytest.fixture(params=revisions()[:-1])
def older(request: pytest.FixtureRequest, database_settings: Settings) -> str:
    """Make the database one of an earlier revision; return which."""
    settings = database_settings
    settings.database_file.parent.mkdir(parents=True)
    url = f"sqlite:///{settings.database_file}"
    engine = create_engine(url if settings.database == SQLITE else settings.database)
    with engine.begin() as connection:
        migrate(connection, request.param)
        fill(connection, request.param)
    engine.dispose()
    return str(request.param)


def test_an_older_database_is_brought_up_to_date(older: str, database_settings: Settings) -> None:
    database = open_database(database_settings)
    try:
        with database.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        store = Store(database)
        job = store.by_uid("1")
        assert job is not None
        assert (job.name, job.wish, job.created) == ("Job", {"Size": 1}, 1.5)
        assert [event.name for event in store.changes(0, 9)] == ["Job"]
        with database.read() as connection:
            assert connection.execute(select(metric_series)).all() == [
                (1, "arn:job", "loss", 1, 0.25, 0.25, 0.25)
            ]
        tables = MetricTables(database)
        if older != "0001":
            tables.put([(HOST, Sample.of(4.0, 60.0, 60))])
            assert list(tables.metrics(Wanted(ACCOUNT, REGION, 0))) == [HOST]
            assert [each.total for each in tables.samples(HOST, 0, 120)] == [6.0]
    finally:
        database.close()


def test_a_fresh_database_has_exactly_the_tables_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_fresh_database_is_of_the_newest_revision(database: Database) -> None:
    with database.read() as connection:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert found == newest_revision() == revisions()[-1]


def test_migrations_and_code_make_the_same_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated'}")
    with engine.begin() as connection:
        migrate(connection)
        migrated = statements(connection)
    engine.dispose()
    fresh = SqliteDatabase(tmp_path / "fresh")
    with fresh.read() as connection:
        assert statements(connection) == migrated
    fresh.close()


def statements(connection: Connection) -> dict[str, set[str]]:
    """Return the lines that made each table and index, whatever their order."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {
        row.name: {
            line.strip(" \t,") for line in row.sql.replace('"', "").splitlines() if line.strip()
        }
        for row in rows
        if not row.name.startswith("sqlite_")
    }


def test_a_newer_database_is_refused_and_left_alone(database_settings: Settings) -> None:
    database = open_database(database_settings)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseUnavailable, match=r"of another version: .*9999"):
        open_database(database_settings)
