"""The numbers of one arm: one of each run that has one, and how many runs there were."""

import math
from dataclasses import dataclass, replace

BEARABLE = 0.2  # share of an arm's runs without a number; above it those that are left are another selection


@dataclass(frozen=True)
class Sample:
    """One number from each run of an arm that has one.

    values: finite. runs: how many are over, diverged ones included. diverged: how many of them diverged; such a run may
    have a number all the same, where the metric is of its start or says what a diverged run counts as. lost: how many
    of the diverged ones have none.
    """

    values: tuple[float, ...]
    runs: int
    diverged: int = 0
    name: str = ""
    lost: int = 0

    def __post_init__(self) -> None:
        assert self.runs >= self.diverged >= self.lost >= 0, self
        assert len(self.values) + self.lost <= self.runs, self
        assert all(math.isfinite(value) for value in self.values), self

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> int:
        """Runs without a number."""
        return self.runs - self.n

    @property
    def without(self) -> int:
        """Finished runs without a number: what the metric asks for did not come about, such as a level reached."""
        return self.missing - self.lost

    @property
    def is_selection(self) -> bool:
        """Whether so many runs have no number that those that have one are not compared with others."""
        return self.missing > BEARABLE * self.runs

    @property
    def is_selected_by_divergence(self) -> bool:
        """Whether the lost runs alone are so many."""
        return self.lost > BEARABLE * self.runs

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
        """With the natural logarithms of the values; runs whose number has none, 0 and below, are without one."""
        return replace(self, values=tuple(math.log(value) for value in self.values if value > 0))
