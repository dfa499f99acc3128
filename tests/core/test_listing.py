"""Listing: filters, sorts, pages that stay right, tokens that cannot be forged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from jupyter_mlstudio.core.clock import timestamp
from jupyter_mlstudio.core.listing import SORTS, Listing, Tokens, query_scope
from jupyter_mlstudio.core.sqlite import SqliteDatabase
from jupyter_mlstudio.core.store import Store
from jupyter_mlstudio.wire.errors import AWSError
from jupyter_mlstudio.wire.keys import KeyRing
from jupyter_mlstudio.wire.operation import Call, Caller

from .conftest import ACCOUNT, REGION, WIDGET

LISTING = Listing(WIDGET, "Widgets", lambda row: {"Name": row.name}, parent="Group")


@dataclass
class App:
    """The part of a studio that listing needs."""

    store: Store
    keys: KeyRing


@pytest.fixture
def call(store: Store, tmp_path: Path) -> Iterator[Call[Any]]:
    app = App(store, KeyRing.load(tmp_path / "key"))
    yield Call(app, "sagemaker", "ListWidgets", Caller(ACCOUNT, REGION, "AKIA", "arn"), "id")


@pytest.fixture
def sqlite_call(tmp_path: Path) -> Iterator[Call[Any]]:
    database = SqliteDatabase(tmp_path / "studio.db")
    app = App(Store(database), KeyRing.load(tmp_path / "key"))
    yield Call(app, "sagemaker", "ListWidgets", Caller(ACCOUNT, REGION, "AKIA", "arn"), "id")
    database.close()


def statements(store: Store) -> list[tuple[str, Any]]:
    """Return a list that fills with what is executed from here on."""
    seen: list[tuple[str, Any]] = []

    @event.listens_for(store.database._reading, "before_cursor_execute")
    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        seen.append((statement, values))

    return seen


def fill(store: Store, names: list[str]) -> None:
    for name in names:
        store.create(WIDGET, ACCOUNT, REGION, name, wish={}, status="Ready", parent=name[0])


def names(call: Call[Any], **request: object) -> list[str]:
    found: list[str] = []
    while True:
        answer = LISTING.answer(call, request)
        found += [widget["Name"] for widget in answer["Widgets"]]
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]


def test_default_is_newest_first_and_pages_cover_all(call: Call[Any]) -> None:
    made = [f"w{n:02}" for n in range(25)]
    fill(call.app.store, made)
    assert names(call, MaxResults=4) == made[::-1]
    assert names(call, MaxResults=4, SortOrder="Ascending") == made
    assert names(call, SortBy="Name", SortOrder="Ascending") == made


def test_pages_stay_right_while_rows_come(call: Call[Any]) -> None:
    fill(call.app.store, ["a1", "a2", "a3", "a4"])
    first = LISTING.answer(call, {"MaxResults": 2})
    fill(call.app.store, ["a5"])
    rest = LISTING.answer(call, {"MaxResults": 9, "NextToken": first["NextToken"]})
    assert [w["Name"] for w in first["Widgets"] + rest["Widgets"]] == ["a4", "a3", "a2", "a1"]


def test_filters(call: Call[Any]) -> None:
    fill(call.app.store, ["Alpha", "beta", "a_b%"])
    assert names(call, NameContains="AL") == ["Alpha"]
    assert names(call, NameContains="_b%") == ["a_b%"]
    assert names(call, Group="b") == ["beta"]
    assert names(call, StatusEquals="Gone") == []
    middle = call.app.store.find(WIDGET, ACCOUNT, REGION, "beta")
    assert names(call, CreationTimeAfter=timestamp(middle.created)) == ["a_b%"]
    assert names(call, CreationTimeBefore=timestamp(middle.created)) == ["Alpha"]


def test_pages_by_status_cover_all(call: Call[Any]) -> None:
    for number in range(9):
        status = ("Ready", "Broken", "Gone")[number % 3]
        call.app.store.create(WIDGET, ACCOUNT, REGION, f"w{number}", wish={}, status=status)
    by_status = ["w1", "w4", "w7", "w2", "w5", "w8", "w0", "w3", "w6"]
    assert names(call, MaxResults=2, SortBy="Status", SortOrder="Ascending") == by_status
    assert names(call, MaxResults=4, SortBy="Status") == by_status[::-1]
    assert names(call, MaxResults=2, StatusEquals="Gone") == ["w8", "w5", "w2"]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort", sorted(SORTS))
def test_the_next_page_is_found_without_a_look_at_those_before(
    sqlite_call: Call[Any], sort: str, order: str
) -> None:
    fill(sqlite_call.app.store, ["a1", "a2", "a3"])
    request = {"MaxResults": 1, "SortBy": sort, "SortOrder": order}
    token = LISTING.answer(sqlite_call, request)["NextToken"]
    seen = statements(sqlite_call.app.store)
    LISTING.answer(sqlite_call, {**request, "NextToken": token})
    ((statement, values),) = [each for each in seen if "FROM resources" in each[0]]
    with sqlite_call.app.store.database.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    plan = [row[3] for row in rows]
    place = re.compile(r"SEARCH resources USING COVERING INDEX \w+ \(.*\)[<>]\(")
    assert any(map(place.match, plan)), plan
    assert not any(step.startswith("SCAN resources") for step in plan), plan


def test_a_token_of_a_studio_that_sorted_otherwise_is_refused(call: Call[Any]) -> None:
    fill(call.app.store, ["a1"])
    signer = Tokens(call.app.keys.derive("page-token"))
    request = {"SortBy": "Status"}
    token = signer.seal(["Ready", "uid"], query_scope(call, WIDGET.name, request))
    with pytest.raises(AWSError, match="Invalid pagination token"):
        LISTING.answer(call, {**request, "NextToken": token})


def test_other_accounts_and_regions_are_not_listed(call: Call[Any]) -> None:
    call.app.store.create(WIDGET, ACCOUNT, "us-east-1", "far", wish={}, status="Ready")
    call.app.store.create(WIDGET, "9" * 12, REGION, "foreign", wish={}, status="Ready")
    assert names(call) == []


@pytest.mark.parametrize("change", ["forge", "other query", "garbage"])
def test_tokens_are_bound_to_their_query(call: Call[Any], change: str) -> None:
    fill(call.app.store, ["a1", "a2", "a3"])
    token = LISTING.answer(call, {"MaxResults": 1})["NextToken"]
    request = {"MaxResults": 1, "NextToken": token}
    if change == "forge":
        request["NextToken"] = ("B" if token[0] == "A" else "A") + token[1:]
    elif change == "other query":
        request["NameContains"] = "a"
    else:
        request["NextToken"] = "not base64 \u00e9"
    with pytest.raises(AWSError, match="Invalid pagination token"):
        LISTING.answer(call, request)
