"""The numbers of one arm: one of each run that has one, and how many runs there were."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sample:
    """One number from each run of an arm that has one.

    values: finite. runs: how many are over, diverged ones included. diverged: how many of them diverged; such a run may
    have a number all the same, where the metric is of its start or says what a diverged run counts as.
    """

    values: tuple[float, ...]
    runs: int
    diverged: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        assert len(self.values) <= self.runs >= self.diverged >= 0, self
        assert all(math.isfinite(value) for value in self.values), self

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def lost(self) -> int:
        """Runs without a number."""
        return self.runs - self.n

    @property
    def lost_share(self) -> float:
        return self.lost / self.runs if self.runs else 0.0

    @property
    def mean(self) -> float | None:
        return math.fsum(self.values) / self.n if self.values else None

    @property
    def variance(self) -> float | None:
        """Unbiased, n − 1 in the denominator; None below two values; exactly 0 where all are the same."""
        if self.n < 2:
            return None
        if min(self.values) == max(self.values):
            return 0.0  # the rounding of the mean must not pass for a spread
        mean = math.fsum(self.values) / self.n
        return math.fsum((value - mean) ** 2 for value in self.values) / (self.n - 1)

    @property
    def sd(self) -> float | None:
        return None if self.variance is None else math.sqrt(self.variance)

    def on_log_scale(self) -> "Sample":
        """With the natural logarithms of the values; numbers that have none, 0 and below, are lost."""
        return replace(self, values=tuple(math.log(value) for value in self.values if value > 0))
