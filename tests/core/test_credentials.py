"""Credentials of containers while the database is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlstudio.core.database import DatabaseUnavailable
from jupyter_mlstudio.core.settings import load_settings
from jupyter_mlstudio.core.store import Resource
from jupyter_mlstudio.core.studio import Studio
from jupyter_mlstudio.jobs.training.kind import TRAINING_JOB
from tests.core.fake_engine import FakeEngine


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(load_settings(tmp_path / "root"), FakeEngine())
    yield made
    made.close()


@pytest.fixture
def job(studio: Studio) -> Resource:
    return studio.store.create(
        TRAINING_JOB,
        studio.settings.account,
        studio.settings.region,
        "job",
        wish={"RoleArn": studio.settings.role_arn},
        facts={"SecondaryStatus": "Training"},
        status="InProgress",
    )


def away(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(studio.store, "by_uid", fail)


def test_who_runs_gets_them_all_the_same(
    studio: Studio, job: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(studio, monkeypatch)
    given = studio.credentials(studio.credential_path(job.uid))
    assert given is not None
    assert given["RoleArn"] == studio.settings.role_arn


def test_who_has_ended_gets_none(
    studio: Studio, job: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio.store.edit(job.uid) as draft:
        draft.status = "Completed"
    away(studio, monkeypatch)
    with pytest.raises(DatabaseUnavailable):
        studio.credentials(studio.credential_path(job.uid))
    assert studio.credentials(f"/v2/credentials/{job.uid}-wrong") is None
