"""From the samples of the arms that a test names to its verdict."""

import math
from collections.abc import Sequence

from experiments.verdicts.contrast import Contrast, contrast
from experiments.verdicts.criterion import Criterion
from experiments.verdicts.divergence import fisher
from experiments.verdicts.estimate import Estimate
from experiments.verdicts.power import power_of_difference, power_of_equality
from experiments.verdicts.rule import ALPHA, outcome
from experiments.verdicts.sample import Sample
from experiments.verdicts.sentence import undecided, with_interval
from experiments.verdicts.verdict import LOST_RUNS, NO_NUMBER, TOO_FEW, Divergence, Verdict


def judge(
    criterion: Criterion, a: Sequence[Sample], b: Sequence[Sample] = (), minus: tuple[Sample, Sample] | None = None
) -> Verdict:
    """The verdict on what `criterion` asserts of the values of A and B.

    Where more than a fifth of the runs of one side alone have no number, what is left of it is a selection, and the
    verdict is inconclusive. Those that diverged are lost, with Fisher's p of equal shares; finished ones, in which what
    the metric asks for did not come about, are told apart from them.

    Args:
        a, b: one arm, or several of which the best is meant: an arm of which more than a fifth of the runs have no
            number is then no candidate, if there is another. Without b the one arm of a is compared with the reference.
        minus: C and D, for (A − B) − (C − D) of single arms.
    """
    sides = [list(a), *([list(b)] if b else []), *([one] for one in minus or ())]
    if criterion.ratio:
        sides = [[one.on_log_scale() for one in side] for side in sides]
    chosen = [_candidates(side) for side in sides]
    left_out = [one for side, kept in zip(sides, chosen, strict=True) for one in side if one not in kept]
    arms = [one for side in chosen for one in side]
    divergence = _lost(chosen) if any(one.lost for one in arms) else None
    selected = [side for side in chosen if all(one.is_selection for one in side)]
    if selected and (len(sides) == 1 or len(selected) < len(sides)):
        diverged = any(one.is_selected_by_divergence for side in selected for one in side)
        return _undecided(criterion, arms, LOST_RUNS if diverged else NO_NUMBER, divergence)
    if any(one.n < 2 for one in arms):
        return _undecided(criterion, arms, TOO_FEW, divergence)

    estimate = _of_two(criterion, *chosen) if len(chosen) == 2 else Estimate(((_of_one_or_four(criterion, arms),),))
    found, best = outcome(estimate, criterion.direction, criterion.distance), estimate.decisive
    power = power_of_equality if criterion.direction == "equal" else power_of_difference
    tail = (1 - found.level) / 2
    verdict = Verdict(
        state=found.state,
        tag=found.tag,
        effect=criterion.back(estimate.value),
        low=criterion.back(estimate.low(tail)),
        high=criterion.back(estimate.high(tail)),
        level=found.level,
        margin=criterion.margin,
        ratio=criterion.ratio,
        arms=tuple(one.name for one in best.arms),
        n=tuple(one.n for one in best.arms),
        mean=tuple(_mean(criterion, one) for one in best.arms),
        sd=tuple(one.sd for one in best.arms),
        df=best.df,
        p=found.p,
        power=power(best, criterion.distance, ALPHA),
        divergence=divergence,
        sentence="",
    )
    return with_interval(verdict, criterion, arms, left_out)


def _candidates(side: Sequence[Sample]) -> list[Sample]:
    return [one for one in side if not one.is_selection] or list(side)


def _lost(sides: Sequence[Sequence[Sample]]) -> Divergence:
    """Lost runs of each side, those of several arms together."""
    lost = tuple(sum(one.lost for one in side) for side in sides)
    runs = tuple(sum(one.runs for one in side) for side in sides)
    p = fisher(lost[0], runs[0], lost[1], runs[1]) if len(lost) == 2 and min(runs) > 0 else None
    return Divergence(lost, runs, p)


def _of_two(criterion: Criterion, a: Sequence[Sample], b: Sequence[Sample]) -> Estimate:
    """Of the best of A and the best of B; where lower is better that is the smallest, and all is seen from below."""
    sign = -1 if criterion.better == "lower" else 1
    return Estimate(tuple(tuple(contrast([(sign, one), (-sign, other)]) for other in b) for one in a), sign)


def _of_one_or_four(criterion: Criterion, arms: Sequence[Sample]) -> Contrast:
    if len(arms) == 1:
        return contrast([(1, arms[0])], math.log(criterion.reference) if criterion.ratio else criterion.reference)
    a, b, c, d = arms
    return contrast([(1, a), (-1, b), (-1, c), (1, d)])


def _mean(criterion: Criterion, arm: Sample) -> float | None:
    return None if arm.mean is None else criterion.back(arm.mean)


def _undecided(criterion: Criterion, arms: Sequence[Sample], tag: str, divergence: Divergence | None) -> Verdict:
    verdict = Verdict(
        state="inconclusive",
        tag=tag,
        effect=None,
        low=None,
        high=None,
        level=1 - ALPHA,
        margin=criterion.margin,
        ratio=criterion.ratio,
        arms=tuple(one.name for one in arms),
        n=tuple(one.n for one in arms),
        mean=tuple(_mean(criterion, one) for one in arms),
        sd=tuple(one.sd for one in arms),
        df=None,
        p=None,
        power=None,
        divergence=divergence,
        sentence="",
    )
    return undecided(verdict, arms)
