"""Axes of the report's charts: where values lie between two ends, and which of them are named."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from experiments.report.page import number, short

LARGEST = 1e100  # of what is shown; beyond it arithmetic overflows
WIDE = 1000.0  # ratio of the largest to the smallest positive value from which on an axis is logarithmic


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, which differ; `percent`: values are shares, named in percent."""

    low: float
    high: float
    log: bool = False
    percent: bool = False

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high one; what lies beyond an end is put there."""
        if self.log:
            share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Some round values with their names, from the lowest."""
        values = log_ticks(self.low, self.high) if self.log else round_ticks(self.low, self.high)
        scale = 100 if self.percent else 1
        if self.log or max(map(abs, values), default=0) >= 1e5:
            return [(value, short(scale * value)) for value in values]
        step = scale * min((b - a for a, b in itertools.pairwise(values)), default=1.0)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [(value, number(scale * value, digits)) for value in values]


def axis(values: Iterable[float], log: bool | None = None, percent: bool = False) -> Axis:
    """An axis on which all `values` lie, with a little room; they are finite, and there is at least one.

    Args:
        log: whether it is logarithmic; None: where positive values are a thousand times apart.
    """
    found = [min(max(value, -LARGEST), LARGEST) for value in values]
    low, high = min(found), max(found)
    if log is None:
        log = low > 0 and high > WIDE * low
    if log and low > 0:
        room = max((high / low) ** 0.05, 1.05)
        return Axis(low / room, high * room, True, percent)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    low_end, high_end = low - room, high + room
    if low >= 0 > low_end:  # no room for what cannot be
        low_end = 0.0
    return Axis(low_end, high_end, False, percent)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two ends, `most` at most and at least two."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) if step > 1e-9 else place * step for place in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten between two ends, with their doubles and halves where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = math.ceil((last - first + 1) / most)
    inside = [10.0**power for power in range(first, last + 1, every) if low <= 10.0**power <= high]
    if len(inside) >= 3:
        return inside
    finer = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
    inside = [value for value in finer if low <= value <= high]
    return inside if len(inside) >= 2 else round_ticks(low, high)
