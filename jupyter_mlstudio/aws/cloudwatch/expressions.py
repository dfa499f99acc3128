"""Metric math: arithmetic of series by their ids.

Source: "Using math expressions with CloudWatch metrics" in the CloudWatch user guide. Numbers,
ids, ``+ - * /`` and parentheses are built; functions such as ``SUM(METRICS())`` and Metrics
Insights queries are not, and are refused by name.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping

from .errors import bad_query

Series = Mapping[float, float]
"""Values by time, in seconds since the epoch."""

Term = Series | float
Evaluate = Callable[[Mapping[str, Series]], Term]

MOST_NESTING = 50
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<word>[A-Za-z_]\w*)|(?P<sign>\S))"
)
_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class Expression:
    """A parsed expression; ``ids`` are the series it is made of.

    Raises
    ------
    AWSError
        ``ValidationError`` saying what cannot be read, or is not built.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._position = 0
        self._depth = 0
        self.ids: set[str] = set()
        if re.match(r"\s*SELECT\b", text, re.IGNORECASE):
            raise self._wrong("Metrics Insights queries are not supported by this studio")
        self._evaluate = self._sum()
        if self._position < len(self._tokens):
            raise self._wrong(f"unexpected {self._tokens[self._position]!r}")
        if not self.ids:
            raise self._wrong("it must refer to at least one metric by its Id")

    def values(self, series: Mapping[str, Series]) -> Series:
        """Return the values at all times at which every series has one.

        Where nothing finite comes out, as of a division by zero, there is none.
        """
        found = self._evaluate(series)
        assert isinstance(found, Mapping)  # noqa: S101 - there is an id in it
        return {time: value for time, value in found.items() if math.isfinite(value)}

    def _sum(self) -> Evaluate:
        return self._chain(self._product, "+-")

    def _product(self) -> Evaluate:
        return self._chain(self._factor, "*/")

    def _chain(self, part: Callable[[], Evaluate], signs: str) -> Evaluate:
        first = part()
        rest: list[tuple[Callable[[float, float], float], Evaluate]] = []
        while (sign := self._peek()) and sign in signs:
            self._position += 1
            rest.append((_OPERATORS[sign], part()))

        def evaluate(series: Mapping[str, Series]) -> Term:
            value = first(series)
            for apply, other in rest:
                value = _combined(apply, value, other(series))
            return value

        return evaluate if rest else first

    def _factor(self) -> Evaluate:
        self._depth += 1
        if self._depth > MOST_NESTING:
            raise self._wrong(f"it nests deeper than {MOST_NESTING} levels")
        found = self._atom()
        self._depth -= 1
        if self._peek() == "^":
            raise self._wrong("the operator ^ is not supported by this studio")
        return found

    def _atom(self) -> Evaluate:
        token = self._next()
        if not token:
            raise self._wrong("it ends early")
        if token == "-":  # noqa: S105 - a sign
            negated = self._factor()
            return lambda series: _combined(operator.mul, -1.0, negated(series))
        if token == "(":  # noqa: S105 - a sign
            inner = self._sum()
            if self._next() != ")":
                raise self._wrong("a closing parenthesis is missing")
            return inner
        if re.match(r"\.?\d", token):
            number = float(token)
            return lambda series: number
        if re.fullmatch(r"[A-Za-z_]\w*", token):
            return self._named(token)
        raise self._wrong(f"unexpected {token!r}")

    def _named(self, name: str) -> Evaluate:
        if self._peek() == "(":
            raise self._wrong(
                f"the function {name} is not supported by this studio; + - * / of Ids are"
            )
        if not name[0].islower():
            raise self._wrong(f"{name} is no Id: those begin with a lower-case letter")
        self.ids.add(name)
        return lambda series: series[name]

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _wrong(self, what: str) -> Exception:
        return bad_query(f"Error in expression {self._text[:200]!r}: {what}.")


def _tokens(text: str) -> list[str]:
    return [match[0].strip() for match in _TOKEN.finditer(text)]


def _combined(apply: Callable[[float, float], float], left: Term, right: Term) -> Term:
    if isinstance(left, Mapping):
        if isinstance(right, Mapping):
            return {t: _safely(apply, left[t], right[t]) for t in left.keys() & right.keys()}
        return {time: _safely(apply, value, right) for time, value in left.items()}
    if isinstance(right, Mapping):
        return {time: _safely(apply, left, value) for time, value in right.items()}
    return _safely(apply, left, right)


def _safely(apply: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        return apply(left, right)
    except ZeroDivisionError:
        return math.nan
