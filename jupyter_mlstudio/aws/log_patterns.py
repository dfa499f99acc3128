"""Filter patterns of CloudWatch Logs.

Syntax: "Filter pattern syntax for metric filters, subscription filters, and filter log events" in
the CloudWatch Logs user guide. Terms must all occur; of terms with ``?`` one must; a term with
``-`` must not. A term is a word, a phrase in quotes, or a regular expression between percent
signs. Matching is case-sensitive. Patterns in braces are for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .log_expressions import Expression, bad_pattern
from .log_json import json_matcher

Occurs = Callable[[str], bool]

_TERM = re.compile(
    r"\s*(?P<sign>[?-]?)"
    r'(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<expression>%(?:[^%\\]|\\.)+%)|(?P<word>\w+))(?=\s|$)'
)


def matcher(pattern: str) -> Occurs:
    """Return the function that says whether a message matches ``pattern``.

    Raises
    ------
    AWSError
        ``InvalidParameterException`` for space-delimited patterns, which are not built, and for
        what is no pattern at all.
    """
    pattern = pattern.strip()
    if pattern.startswith("{"):
        return json_matcher(pattern)
    if pattern.startswith("["):
        raise bad_pattern(f"space-delimited patterns are not supported: {pattern!r}")
    required: list[Occurs] = []
    optional: list[Occurs] = []
    excluded: list[Occurs] = []
    terms = {"": required, "?": optional, "-": excluded}
    position = 0
    while position < len(pattern):
        match = _TERM.match(pattern, position)
        if match is None:
            raise bad_pattern(
                f"invalid character(s) in the term at {pattern[position:].strip()!r}; put terms "
                "with anything but letters, digits and _ in double quotes"
            )
        terms[match["sign"]].append(_term(match))
        position = match.end()

    def matches(message: str) -> bool:
        return (
            all(term(message) for term in required)
            and (not optional or any(term(message) for term in optional))
            and not any(term(message) for term in excluded)
        )

    return matches


def _term(match: re.Match[str]) -> Occurs:
    if match["expression"] is not None:
        text = match["expression"]
        return Expression(text[1:-1], text).search
    phrase = match["phrase"]
    text = match["word"] if phrase is None else re.sub(r"\\(.)", r"\1", phrase)
    return lambda message: text in message
