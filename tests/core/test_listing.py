"""Listing: filters, sorts, pages that stay right, tokens that cannot be forged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlstudio.core.clock import timestamp
from jupyter_mlstudio.core.listing import Listing
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
