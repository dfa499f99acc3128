"""In which order objects come, and which of them a host gets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def order(count: int, seed: int | None, epoch: int = 0) -> Sequence[int]:
    """Return in which order an epoch takes ``count`` items: shuffled anew by each if seeded."""
    if seed is None:
        return range(count)
    shuffled = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311 - to be repeated, not secret
    return shuffled


def shard(items: Sequence[T], host: int, hosts: int) -> Sequence[T]:
    """Return what the ``host``-th (from 1) of ``hosts`` gets of items that are dealt out in turn.

    Every item goes to exactly one host, and no host gets two more than another.
    """
    return items[host - 1 :: hosts]
