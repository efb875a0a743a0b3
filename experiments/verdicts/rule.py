"""The rule: from an estimate with its intervals to supported, contradicted or inconclusive.

With D the difference in the direction that is asserted, m > 0 the margin and [L, U] the 95 % interval,

| asserted | supported | contradicted |
|---|---|---|
| greater, less | L > 0 and D ≥ m | U < m: *reversed* if U < 0, *real but negligible* if L > 0 |
| equal | the 90 % interval lies inside (−m, m) | the 95 % interval lies wholly outside of [−m, m] |
| differs | 0 lies outside of [L, U] and abs(D) ≥ m | as equal is supported |

and anything else is inconclusive. A claim that something is larger means by an amount that matters, so that it can be
contradicted by showing that it is not, and a small sample, whose interval reaches both 0 and m, shows neither. The 90 %
interval inside the margins is two one-sided tests at 5 % (TOST: Schuirmann 1987, Journal of Pharmacokinetics and
Biopharmaceutics 15).
"""

from dataclasses import dataclass

from experiments.verdicts.contrast import at_least
from experiments.verdicts.criterion import Direction
from experiments.verdicts.estimate import Estimate
from experiments.verdicts.verdict import NEGLIGIBLE, REVERSED, State

ALPHA = 0.05


@dataclass(frozen=True)
class Outcome:
    """What the rule says; `level` is of the interval that says it, `p` of the hypothesis that is rejected."""

    state: State
    tag: str | None
    level: float
    p: float


def outcome(estimate: Estimate, direction: Direction, margin: float) -> Outcome:
    """Apply the rule to an estimate of A − B and a margin on the same scale."""
    match direction:
        case "greater":
            return _larger(estimate, margin)
        case "less":
            return _larger(estimate.negated(), margin)
        case "equal":
            return _equal(estimate, margin)
        case "differs":
            return _differs(estimate, margin)


def _larger(found: Estimate, margin: float) -> Outcome:
    low, high = found.low(ALPHA / 2), found.high(ALPHA / 2)
    if low > 0 and at_least(found.value, margin):
        return Outcome("supported", None, 1 - ALPHA, _doubled(found.p_above(0)))
    if not at_least(high, margin):
        tag = REVERSED if high < 0 else NEGLIGIBLE if low > 0 else None
        return Outcome("contradicted", tag, 1 - ALPHA, _doubled(found.p_below(margin)))
    return Outcome("inconclusive", None, 1 - ALPHA, _of_no_difference(found))


def _equal(found: Estimate, margin: float) -> Outcome:
    p = _tost(found, margin)
    if _inside(found, margin):
        return Outcome("supported", None, 1 - 2 * ALPHA, p)
    if found.low(ALPHA / 2) > margin or found.high(ALPHA / 2) < -margin:
        outside = min(found.p_above(margin), found.p_below(-margin))
        return Outcome("contradicted", None, 1 - ALPHA, _doubled(outside))
    return Outcome("inconclusive", None, 1 - 2 * ALPHA, p)


def _differs(found: Estimate, margin: float) -> Outcome:
    apart = found.low(ALPHA / 2) > 0 or found.high(ALPHA / 2) < 0
    if apart and at_least(abs(found.value), margin):
        return Outcome("supported", None, 1 - ALPHA, _of_no_difference(found))
    if _inside(found, margin):
        return Outcome("contradicted", NEGLIGIBLE if apart else None, 1 - 2 * ALPHA, _tost(found, margin))
    return Outcome("inconclusive", None, 1 - ALPHA, _of_no_difference(found))


def _inside(found: Estimate, margin: float) -> bool:
    return not at_least(found.high(ALPHA), margin) and not at_least(-found.low(ALPHA), margin)


def _tost(found: Estimate, margin: float) -> float:
    return max(found.p_above(-margin), found.p_below(margin))


def _of_no_difference(found: Estimate) -> float:
    return _doubled(min(found.p_above(0), found.p_below(0)))


def _doubled(p: float) -> float:
    return min(1.0, 2 * p)
