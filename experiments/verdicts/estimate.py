"""The difference between the best of several arms and the best of several others, with honest bounds.

Taking the arm with the best mean and comparing with it alone flatters that arm: of several equal ones some is lucky. So
the arm is not picked; with θ_ij = μ(A_i) − μ(B_j) and larger as better, the difference of the best is

    θ = max_i min_j θ_ij

and its bounds are combined from those of all pairs. "A is better than the best of B" means better than each of
them, which needs no correction (an intersection-union test: Berger 1982, Technometrics 24); "A is not better than the
best of k" is shown by any one of them, which needs Bonferroni's: the tail is divided by k. The same holds for several A
with the two bounds exchanged. Between two single arms nothing is corrected, and it is Welch's interval.
"""

from dataclasses import dataclass, replace

from experiments.verdicts.contrast import Contrast


@dataclass(frozen=True)
class Estimate:
    """sign · max_i min_j of the contrasts `cells[i][j]`; between single arms there is one cell."""

    cells: tuple[tuple[Contrast, ...], ...]
    sign: int = 1

    def negated(self) -> "Estimate":
        return replace(self, sign=-self.sign)

    @property
    def decisive(self) -> Contrast:
        """The contrast of the arms with the best means, in the estimate's sense."""
        found = max((min(row, key=_value) for row in self.cells), key=_value)
        return found if self.sign > 0 else found.negated()

    @property
    def value(self) -> float:
        return self.decisive.value

    def low(self, tail: float) -> float:
        """Lower confidence bound."""
        return self._low(tail) if self.sign > 0 else -self._high(tail)

    def high(self, tail: float) -> float:
        """Upper confidence bound."""
        return self._high(tail) if self.sign > 0 else -self._low(tail)

    def p_above(self, point: float) -> float:
        """One-sided p of the hypothesis that the true value is `point` or less."""
        return self._p_above(point) if self.sign > 0 else self._p_below(-point)

    def p_below(self, point: float) -> float:
        """One-sided p of the hypothesis that the true value is `point` or more."""
        return self._p_below(point) if self.sign > 0 else self._p_above(-point)

    def _low(self, tail: float) -> float:
        return max(min(cell.low(tail / len(self.cells)) for cell in row) for row in self.cells)

    def _high(self, tail: float) -> float:
        return max(min(cell.high(tail / len(row)) for cell in row) for row in self.cells)

    def _p_above(self, point: float) -> float:
        worst = (max(cell.p_above(point) for cell in row) for row in self.cells)
        return min(1.0, len(self.cells) * min(worst))

    def _p_below(self, point: float) -> float:
        best = (min(cell.p_below(point) for cell in row) * len(row) for row in self.cells)
        return min(1.0, max(best))


def _value(found: Contrast) -> float:
    return found.value
