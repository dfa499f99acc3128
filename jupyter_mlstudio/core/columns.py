"""Types of columns that keep and order the same values on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

Number = BigInteger().with_variant(Integer(), "sqlite")
"""An integer of 64 bits that the database can count up: SQLite does so for INTEGER only."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(value: str) -> str:
    """Return text as :class:`Words` keeps it."""
    return _UNSTORABLE.sub("\ufffd", value)


class Words(TypeDecorator[str]):
    """Text that sorts by its bytes, and whose length is the business of who validates it.

    PostgreSQL has no NUL in text and neither database has lone surrogates, which hostile names and
    messages may hold: they become U+FFFD.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the database calls it."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Text(collation="C"))
        return dialect.type_descriptor(String(self.length) if self.length else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what can be stored."""
        return None if value is None else storable(value)


class Document(TypeDecorator[Any]):
    """A JSON document, given back exactly as it was.

    PostgreSQL's own types refuse or change some (NaN, escaped NUL, order), so it is text there.
    """

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the database calls it."""
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(Text(collation="C") if postgres else JSON())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON
        """Return what can be stored."""
        return json.dumps(value) if dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON
        """Return what was stored."""
        return json.loads(value) if dialect.name == "postgresql" else value
