"""JSON filter patterns of CloudWatch Logs: ``{ ($.level = "ERR*") && ($.code >= 500) }``.

Source: "Filter pattern syntax" in the CloudWatch Logs user guide. Selectors go by members and
indices; values are numbers, strings with ``*``, and ``%expressions%``; further there are ``IS
NULL``, ``IS TRUE``, ``IS FALSE``, ``EXISTS`` and ``NOT EXISTS``. Of a property that is not there
nothing but ``NOT EXISTS`` is true.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .log_expressions import Expression, bad_pattern

Matches = Callable[[Any], bool]

MOST_NESTING = 50
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<selector>\$(?:\.[\w\-]+|\[\d+\]|\['[^']*'\]|\["[^"]*"\])*)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<expression>%(?:[^%\\]|\\.)+%)
    |(?P<sign>&&|\|\||!=|<=|>=|[=<>(){}])
    |(?P<word>[^\s"%=<>!(){}&|]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"\.([\w\-]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT = object()


def json_matcher(pattern: str) -> Callable[[str], bool]:
    """Return the function that says whether a message is JSON that matches ``pattern``.

    Raises
    ------
    AWSError
        ``InvalidParameterException`` saying where the pattern cannot be read.
    """
    matches = _Parser(pattern).whole()

    def of(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return matches(document)

    return of


class _Parser:
    """Recursive descent: ``||`` binds less than ``&&``."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._depth = 0

    def whole(self) -> Matches:
        self._expect("{")
        matches = self._either()
        self._expect("}")
        if self._peek()[1]:
            raise self._wrong()
        return matches

    def _either(self) -> Matches:
        return self._several(self._all, "||", any)

    def _all(self) -> Matches:
        return self._several(self._unit, "&&", all)

    def _several(
        self, part: Callable[[], Matches], sign: str, join: Callable[[Any], bool]
    ) -> Matches:
        parts = [part()]
        while self._peek()[1] == sign:
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else lambda value: join(each(value) for each in parts)

    def _unit(self) -> Matches:
        if self._peek()[1] != "(":
            return self._comparison()
        self._depth += 1
        if self._depth > MOST_NESTING:
            raise bad_pattern(f"the pattern nests deeper than {MOST_NESTING} levels")
        self._next()
        inner = self._either()
        self._expect(")")
        self._depth -= 1
        return inner

    def _comparison(self) -> Matches:
        kind, text = self._next()
        if kind != "selector":
            raise self._wrong()
        select = _selector(text)
        kind, sign = self._next()
        if kind == "word":
            test = self._keyword(sign.upper())
        elif sign in ("=", "!="):
            same = self._equal()
            test = same if sign == "=" else lambda found: found is not _ABSENT and not same(found)
        elif sign in _ORDERS:
            test = self._ordered(_ORDERS[sign])
        else:
            raise self._wrong()
        return lambda document: test(select(document))

    def _keyword(self, word: str) -> Matches:
        if word == "EXISTS":
            return lambda found: found is not _ABSENT
        if word == "NOT" and self._next()[1].upper() == "EXISTS":
            return lambda found: found is _ABSENT
        if word == "IS":
            constants = {"NULL": None, "TRUE": True, "FALSE": False}
            name = self._next()[1].upper()
            if name in constants:
                return lambda found: found is constants[name]
        raise self._wrong()

    def _equal(self) -> Matches:
        kind, text = self._next()
        if kind == "expression":
            expression = Expression(text[1:-1], text)
            return lambda found: isinstance(found, str) and expression.search(found)
        if kind == "word" and (number := _number(text)) is not None:
            return lambda found: _is_number(found) and found == number
        if kind not in ("word", "text"):
            raise self._wrong()
        wanted = re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "text" else text
        parts = wanted.split("*")
        return lambda found: isinstance(found, str) and _wild(parts, found)

    def _ordered(self, order: Callable[[float, float], bool]) -> Matches:
        kind, text = self._next()
        number = _number(text) if kind == "word" else None
        if number is None:
            raise self._wrong()
        return lambda found: _is_number(found) and order(found, number)

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise self._wrong()

    def _peek(self) -> tuple[str, str]:
        match = _TOKEN.match(self._pattern, self._position)
        if match is None:
            if self._pattern[self._position :].strip():
                raise self._wrong()
            return "", ""
        kind = match.lastgroup or ""
        return kind, match[kind]

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        match = _TOKEN.match(self._pattern, self._position)
        if match is not None:
            self._position = match.end()
        return token

    def _wrong(self) -> Exception:
        left = self._pattern[self._position :].strip() or "its end"
        return bad_pattern(f"the pattern cannot be read at or before {left[:60]!r}")


def _selector(text: str) -> Callable[[Any], Any]:
    steps = [
        int(index) if index else name or single or double
        for name, index, single, double in _STEP.findall(text)
    ]

    def select(document: Any) -> Any:  # noqa: ANN401 - JSON
        for step in steps:
            if isinstance(step, int):
                if not isinstance(document, list) or step >= len(document):
                    return _ABSENT
                document = document[step]
            elif isinstance(document, dict) and step in document:
                document = document[step]
            else:
                return _ABSENT
        return document

    return select


def _wild(parts: Sequence[str], text: str) -> bool:
    """Say whether a text is the parts with anything between them."""
    first, *between = parts
    if not between:
        return text == first
    last = between.pop()
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in between:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
