"""A linear contrast of independent arms: its estimate, its intervals, and the p of one-sided hypotheses.

θ = Σ w_i μ_i − reference is estimated by Σ w_i x̄_i − reference with the standard error √(Σ w_i² s_i²/n_i). Arms may
have different variances: (θ̂ − θ)/se is taken as Student's t with the degrees of freedom

    (Σ v_i)² / Σ v_i²/(n_i − 1),  v_i = w_i² s_i²/n_i

(Welch 1947, Biometrika 34, "The generalization of 'Student's' problem when several different population variances are
involved"; Satterthwaite 1946, Biometrics Bulletin 2). Two arms with weights 1 and −1 are Welch's test, one arm is the
one-sample t test, and 1, −1, −1, 1 is a difference of differences.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import, and a report may need nothing else

from experiments.verdicts.sample import Sample

EQUAL = 1e-9  # relative: numbers this close are one number up to rounding


@dataclass(frozen=True)
class Contrast:
    """An estimate with its standard error; without any spread (se = 0) it is taken as exact."""

    value: float
    se: float
    df: float  # infinite where se is 0
    arms: tuple[Sample, ...] = ()

    def low(self, tail: float) -> float:
        """The lower confidence bound that the true value is below of with probability `tail`."""
        return self.value - self._reach(tail)

    def high(self, tail: float) -> float:
        """The upper confidence bound that the true value is above of with probability `tail`."""
        return self.value + self._reach(tail)

    def _reach(self, tail: float) -> float:
        return 0.0 if self.se == 0 else -float(stdtrit(self.df, tail)) * self.se

    def p_above(self, point: float) -> float:
        """One-sided p of the hypothesis that the true value is `point` or less."""
        if self.se == 0:
            return 0.0 if self.value > point else 1.0
        return float(stdtr(self.df, (point - self.value) / self.se))

    def p_below(self, point: float) -> float:
        """One-sided p of the hypothesis that the true value is `point` or more."""
        return self.negated().p_above(-point)

    def negated(self) -> "Contrast":
        return Contrast(-self.value, self.se, self.df, self.arms)


def contrast(terms: Sequence[tuple[float, Sample]], reference: float = 0.0) -> Contrast:
    """Of weighted arms, each with at least two values, against a fixed number.

    Arms are told apart by their names. The weights of one that stands there twice are added, since its mean is one
    number: in (A − B) − (B − D) that of B counts with −2, and with four times its variance.
    """
    arms = tuple(arm for _, arm in terms)
    terms = _once(terms)
    value = math.fsum(weight * _known(arm.mean) for weight, arm in terms) - reference
    parts = [(weight**2 * _known(arm.variance) / arm.n, arm.n - 1) for weight, arm in terms]
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return Contrast(value, 0.0, math.inf, arms)
    df = variance**2 / math.fsum(part**2 / freedom for part, freedom in parts)
    return Contrast(value, math.sqrt(variance), df, arms)


def _once(terms: Sequence[tuple[float, Sample]]) -> list[tuple[float, Sample]]:
    found: list[tuple[float, Sample]] = []
    for weight, arm in terms:
        place = next((at for at, (_, other) in enumerate(found) if arm.name and other.name == arm.name), None)
        if place is None:
            found.append((weight, arm))
        else:
            found[place] = (found[place][0] + weight, arm)
    return found


def _known(number: float | None) -> float:
    assert number is not None, "an arm of a contrast needs at least two values"
    return number


def at_least(value: float, margin: float) -> bool:
    """value ≥ margin, up to rounding: 0.903 − 0.9 is a difference of 0.003."""
    return value >= margin or math.isclose(value, margin, rel_tol=EQUAL)
