"""Types of columns that keep and order the same values on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    SQLColumnExpression,
    String,
    Text,
    literal,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
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


class _Position(FunctionElement[int]):
    """Where a text begins in another, counted from 1; 0 where it is not in it."""

    name = "position"
    type = Integer()
    inherit_cache = True


@compiles(_Position, "sqlite")
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _strpos(element: _Position, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    return f"strpos({compiler.process(element.clauses, **options)})"


def contains(column: SQLColumnExpression[str], part: str) -> ColumnElement[bool]:
    """Return the condition that ``part`` is in a column, letter by letter: LIKE takes longer."""
    return _Position(column, literal(part, Words())) > 0
