"""The verdict where divergence is the outcome: the shares of runs that diverged."""

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.divergence import fisher, share_difference
from experiments.verdicts.rule import ALPHA
from experiments.verdicts.sample import Sample
from experiments.verdicts.sentence import shares
from experiments.verdicts.verdict import REVERSED, TOO_FEW, Divergence, State, Verdict

WIDE, OF_TWO_TESTS = 1 - ALPHA, 1 - 2 * ALPHA  # levels of intervals


def judge_divergence(criterion: Criterion, a: Sample, b: Sample) -> Verdict:
    """The verdict on what `criterion` asserts of the shares of diverged runs, its margin in such shares.

    A difference is shown by Fisher's exact test, whatever its size: with few runs only large ones can be seen. That
    there is none that reaches the margin is shown by Newcombe's interval, for which it takes some twenty runs an arm.
    """
    a_counts, b_counts = (a.diverged, a.runs), (b.diverged, b.runs)
    few = min(a.runs, b.runs) < 2
    p = None if few else fisher(*a_counts, *b_counts)
    state, tag, level = ("inconclusive", TOO_FEW, WIDE) if p is None else _state(criterion, a, b, p)
    effect, low, high = (None,) * 3 if few else share_difference(*a_counts, *b_counts, level=level)
    verdict = Verdict(
        state=state,
        tag=tag,
        effect=effect,
        low=low,
        high=high,
        level=level,
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


def _state(criterion: Criterion, a: Sample, b: Sample, p: float) -> tuple[State, str | None, float]:
    """The state, its tag, and the level of the interval that says it: 90 % where it is of two one-sided tests."""
    counts = (a.diverged, a.runs, b.diverged, b.runs)
    effect, low, high = share_difference(*counts, level=WIDE)
    _, low_of_two, high_of_two = share_difference(*counts, level=OF_TWO_TESTS)
    same = max(-low_of_two, high_of_two) < criterion.margin
    shown = p < ALPHA
    match criterion.direction:
        case "equal" if shown:
            return "contradicted", None, WIDE
        case "equal":
            return ("supported" if same else "inconclusive"), None, OF_TWO_TESTS
        case "differs" if same and not shown:
            return "contradicted", None, OF_TWO_TESTS
        case "differs":
            return ("supported" if shown else "inconclusive"), None, WIDE
        case "less":
            effect, high = -effect, -low
    if shown:
        return ("supported", None, WIDE) if effect > 0 else ("contradicted", REVERSED, WIDE)
    return ("contradicted" if high < criterion.margin else "inconclusive"), None, WIDE
