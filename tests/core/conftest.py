"""A store on a fresh database, and one kind to put in it."""

from __future__ import annotations

import pytest

from jupyter_mlstudio.core.database import Database
from jupyter_mlstudio.core.kinds import Kind, Refusal
from jupyter_mlstudio.core.store import Store

WIDGET = Kind(
    name="TestWidget",
    path="widget",
    missing=Refusal("ValidationException", "Could not find widget {name}."),
    taken=Refusal("ResourceInUse", "Widget {name} exists: {arn}"),
    final=frozenset({"Done"}),
)
ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def store(database: Database) -> Store:
    """Give a store of its own, on each kind of database."""
    return Store(database)
