"""What a process does with its heap once it has started."""

from __future__ import annotations

import gc


def settle() -> None:
    """Have the garbage collector look no more at what there is: modules, models, tables.

    They stay anyway, and every full collection would stop the process to go through all of them.
    """
    gc.collect()
    gc.freeze()
