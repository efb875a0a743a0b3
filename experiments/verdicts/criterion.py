"""What is asserted of two arms, and how large a difference has to be to matter."""

import math
from dataclasses import dataclass
from typing import Literal

Direction = Literal["greater", "less", "equal", "differs"]
Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Criterion:
    """direction: what is asserted of A − B, or of ln(A/B) where the metric is a ratio.

    margin: the smallest difference that matters, in the metric's unit; of a ratio the smallest ratio, above 1.
    better: which of several arms is the best one. reference: what one arm alone is compared with.
    """

    direction: Direction
    margin: float
    ratio: bool = False
    better: Better = "higher"
    percent: bool = False
    reference: float = 0.0

    def __post_init__(self) -> None:
        assert self.margin > (1 if self.ratio else 0), self

    @property
    def distance(self) -> float:
        """The margin on the scale on which arms are compared."""
        return math.log(self.margin) if self.ratio else self.margin

    def back(self, difference: float) -> float:
        """A difference on that scale as it is reported: of logarithms, the ratio."""
        return math.exp(difference) if self.ratio else difference
