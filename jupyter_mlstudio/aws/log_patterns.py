"""Filter patterns of CloudWatch Logs for unstructured text.

Syntax: "Filter pattern syntax for metric filters, subscription filters, and filter log events" in
the CloudWatch Logs user guide. Terms must all occur; of terms with ``?`` one must; a term with
``-`` must not. Matching is case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..wire.errors import AWSError

_TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>\w+))(?=\s|$)')


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the function that says whether a message matches ``pattern``.

    Raises
    ------
    AWSError
        ``InvalidParameterException`` for JSON, space-delimited and regular-expression patterns,
        which are not built, and for what is no pattern at all.
    """
    required: list[str] = []
    optional: list[str] = []
    excluded: list[str] = []
    terms = {"": required, "?": optional, "-": excluded}
    pattern = pattern.strip()
    if pattern[:1] in ("{", "[") or pattern.startswith("%"):
        raise _invalid(
            f"Invalid filter pattern {pattern!r}: JSON, space-delimited and regular-expression "
            f"patterns are not supported; terms and quoted phrases are."
        )
    position = 0
    while position < len(pattern):
        match = _TERM.match(pattern, position)
        if match is None:
            raise _invalid(
                f"Invalid filter pattern {pattern!r}: invalid character(s) in the term at "
                f"{pattern[position:].strip()!r}; put terms with anything but letters, digits "
                f"and _ in double quotes."
            )
        phrase = match["phrase"]
        term = match["word"] if phrase is None else re.sub(r"\\(.)", r"\1", phrase)
        terms[match["sign"]].append(term)
        position = match.end()

    def matches(message: str) -> bool:
        return (
            all(term in message for term in required)
            and (not optional or any(term in message for term in optional))
            and not any(term in message for term in excluded)
        )

    return matches


def _invalid(message: str) -> AWSError:
    return AWSError("InvalidParameterException", message)
