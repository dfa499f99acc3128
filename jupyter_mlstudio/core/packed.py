"""Arrays of numbers as bytes: a browser and NumPy read them without a look at each number."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable


def doubles(values: Iterable[float]) -> bytes:
    """Return numbers as little-endian IEEE 754 doubles."""
    return _bytes(array("d", values))


def integers(values: Iterable[int]) -> bytes:
    """Return integers as little-endian ones of 32 bits."""
    return _bytes(array("i", values))


def _bytes(numbers: array[float] | array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
