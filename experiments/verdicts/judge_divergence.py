"""The verdict where divergence is the outcome: the shares of runs that diverged."""

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.divergence import fisher, share_difference
from experiments.verdicts.rule import ALPHA
from experiments.verdicts.sample import Sample
from experiments.verdicts.sentence import shares
from experiments.verdicts.verdict import REVERSED, TOO_FEW, Divergence, State, Verdict


def judge_divergence(criterion: Criterion, a: Sample, b: Sample) -> Verdict:
    """The verdict on what `criterion` asserts of the shares of diverged runs, its margin in such shares.

    A difference is shown by Fisher's exact test, whatever its size: with few runs only large ones can be seen. That
    there is none that reaches the margin is shown by Newcombe's interval, for which it takes some twenty runs an arm.
    """
    a_counts, b_counts = (a.diverged, a.runs), (b.diverged, b.runs)
    few = min(a.runs, b.runs) < 2
    p = None if few else fisher(*a_counts, *b_counts)
    state, tag = ("inconclusive", TOO_FEW) if few else _state(criterion, a, b, p)
    effect, low, high = (None,) * 3 if few else share_difference(*a_counts, *b_counts, level=1 - ALPHA)
    verdict = Verdict(
        state=state,
        tag=tag,
        effect=effect,
        low=low,
        high=high,
        level=1 - ALPHA,
        margin=criterion.margin,
        ratio=False,
        arms=(a.name, b.name),
        n=(a.runs, b.runs),
        mean=tuple(one.diverged / one.runs if one.runs else None for one in (a, b)),
        sd=(None, None),
        df=None,
        p=p,
        power=None,
        divergence=Divergence((a.diverged, b.diverged), (a.runs, b.runs), p),
        sentence="",
    )
    return shares(verdict)


def _state(criterion: Criterion, a: Sample, b: Sample, p: float | None) -> tuple[State, str | None]:
    assert p is not None
    counts = (a.diverged, a.runs, b.diverged, b.runs)
    effect, low, high = share_difference(*counts, level=1 - ALPHA)
    _, low_of_two, high_of_two = share_difference(*counts, level=1 - 2 * ALPHA)  # of two one-sided tests
    same = max(-low_of_two, high_of_two) < criterion.margin
    shown = p < ALPHA
    match criterion.direction:
        case "equal":
            return ("contradicted" if shown else "supported" if same else "inconclusive"), None
        case "differs":
            return ("supported" if shown else "contradicted" if same else "inconclusive"), None
        case "less":
            effect, high = -effect, -low
    if shown:
        return ("supported", None) if effect > 0 else ("contradicted", REVERSED)
    return ("contradicted" if high < criterion.margin else "inconclusive"), None
