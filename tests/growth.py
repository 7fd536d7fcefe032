"""How the cost of work grows with what it is given: a machine that is slow or busy is so for much and for little."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from time import thread_time
from typing import TypeVar

Given = TypeVar("Given")

FACTOR = 16
ROUNDS = 3
TIMES = 4


def growth(work: Callable[[Given], object], given: Callable[[int], Given], most: int) -> float:
    """The power of the size with which the cost grows: near 0 when the size does not matter, 1 when the cost is in
    proportion to it, 2 when it is in proportion to its square.

    Told by the processor time for ``given(most)`` and for a sixteenth of it. Whatever else runs adds to single
    measurements, hardly to the least of several in turns; half a power is a factor of four.
    """
    small, large = given(most // FACTOR), given(most)
    costs = [(min(_seconds(work, small) for _ in range(TIMES)), _seconds(work, large)) for _ in range(ROUNDS)]
    return math.log(min(cost for _, cost in costs) / min(cost for cost, _ in costs), FACTOR)


def _seconds(work: Callable[[Given], object], given: Given) -> float:
    collects = gc.isenabled()
    gc.disable()  # a collection looks at all that the process holds, not at what the work made
    try:
        started = thread_time()
        work(given)
        return thread_time() - started
    finally:
        if collects:
            gc.enable()
