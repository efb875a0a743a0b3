"""How long computations take against one another: alternating slices in one process, and the median of their ratios.

A machine's speed changes from second to second. Two computations that take turns meet the same changes, and a slice
that something else disturbed moves the median little.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping

import torch

ROUNDS = 21
SLICE_SECONDS = 0.02  # of each computation a round, where one execution takes less: shorter ones are repeated
Work = Callable[[], object]


def median_ratios(works: Mapping[str, Work], base: str, device: torch.device) -> dict[str, float]:
    """The time that each work takes, divided by that of the work `base`: the median over `ROUNDS` rounds.

    Every round has a slice of each, first in the given order, then in the opposite one, and so on. Each work is
    executed twice before, uncounted: what happens only once (memory, kernels chosen) does not count.
    """
    for work in works.values():
        work()
    seconds = {name: _slice(work, 1, device) for name, work in works.items()}
    repeats = {name: max(1, math.ceil(SLICE_SECONDS / max(one, 1e-6))) for name, one in seconds.items()}
    ratios: dict[str, list[float]] = {name: [] for name in works if name != base}
    for index in range(ROUNDS):
        order = list(works) if index % 2 == 0 else list(works)[::-1]
        each = {name: _slice(works[name], repeats[name], device) for name in order}
        for name, found in ratios.items():
            found.append(each[name] / each[base])
    return {name: statistics.median(found) for name, found in ratios.items()}


def _slice(work: Work, repeats: int, device: torch.device) -> float:
    """Seconds of one execution, over so many in a row."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    _wait(device)
    return (time.perf_counter() - began) / repeats


def _wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
