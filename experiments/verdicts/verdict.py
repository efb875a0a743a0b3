"""What a test of a claim came to, with the numbers that it rests on."""

from dataclasses import dataclass
from typing import Literal

State = Literal["supported", "contradicted", "inconclusive"]

REVERSED = "reversed"
NEGLIGIBLE = "real but negligible"
TOO_FEW = "needs at least two seeds"
LOST_RUNS = "runs were lost in one arm"
NO_NUMBER = "runs have no number in one arm"


@dataclass(frozen=True)
class Divergence:
    """How many runs of each side were lost, and Fisher's p of equal shares.

    lost: runs that diverged and have no number; where divergence is the outcome, all that diverged. Finished runs
        without a number do not count.
    p: None where there are not two sides, as with an arm against a fixed number.
    """

    lost: tuple[int, ...]
    runs: tuple[int, ...]
    p: float | None


@dataclass(frozen=True)
class Verdict:
    """The state of one test, and why.

    Effects are A − B as the test names its arms, whatever direction it asserts, in the metric's unit (shares in
    [0, 1]); of a ratio metric they are A / B. With `minus` they are (A − B) − (C − D); of one arm, A − reference.

    state: after the rule; Holm's correction may turn it into inconclusive.
    tag: a few words on the state, where it needs them.
    effect, low, high: None where there are too few numbers.
    level: of the interval [low, high]; 0.9 where equality is tested (two one-sided tests), otherwise 0.95.
    arms, n, mean, sd: of the arms in the test's order; where the best of several is meant, of that one. Of a ratio
        metric the mean is the geometric one and the sd is that of the natural logarithms. sd is None below two values.
    df: degrees of freedom, infinite where no arm has any spread.
    p: of the hypothesis that the state rejects: two-sided of no difference where supported, doubled of a difference of
        the margin or more where contradicted, of the two one-sided tests where equality is shown. Where nothing is
        rejected, of no difference (for `equal`: of the two one-sided tests). Where divergence is the outcome it is
        Fisher's of no difference, whatever the state.
    power: probability that the interval would leave 0 out if the true difference were the margin, with the spread
        found here (for `equal`: that equality would be shown if there were none).
    divergence: None where no run of the arms that are compared was lost.
    adjusted_p: after Holm's correction; None outside of the family.
    """

    state: State
    tag: str | None
    effect: float | None
    low: float | None
    high: float | None
    level: float
    margin: float
    ratio: bool
    arms: tuple[str, ...]
    n: tuple[int, ...]
    mean: tuple[float | None, ...]
    sd: tuple[float | None, ...]
    df: float | None
    p: float | None
    power: float | None
    divergence: Divergence | None
    sentence: str
    adjusted_p: float | None = None
