"""A verdict in words, with its numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.sample import Sample
from experiments.verdicts.verdict import NEGLIGIBLE, REVERSED, TOO_FEW, Verdict


def with_interval(
    verdict: Verdict, criterion: Criterion, arms: Sequence[Sample], left_out: Sequence[Sample]
) -> Verdict:
    """With the sentence of a verdict that has an estimate.

    Args:
        arms: those that are compared; of several of which the best is meant, all.
        left_out: arms that are no candidates, since too many of their runs have no number.
    """
    assert verdict.effect is not None
    assert verdict.low is not None
    assert verdict.high is not None
    numbers = [_number(number, criterion) for number in (verdict.low, verdict.high, verdict.margin)]
    unit = " points" if criterion.percent else ""
    words = [
        f"{_compared(verdict, criterion)} is {_number(verdict.effect, criterion)}{unit} "
        f"({verdict.level:.0%} interval {numbers[0]} to {numbers[1]}, margin {numbers[2]}; "
        f"n = {_listed(map(str, verdict.n))}): {_reason(verdict, criterion)}."
    ]
    if verdict.df == float("inf"):
        words.append("Runs of an arm do not differ at all, so that the interval is a point.")
    if left_out:
        words.append(f"Not compared, since more than a fifth of their runs have no number: {_counts(left_out)}.")
    if any(one.missing for one in arms):
        words.append(f"{_without_number(verdict, arms)}.")
    return replace(verdict, sentence=" ".join(words))


def undecided(verdict: Verdict, arms: Sequence[Sample]) -> Verdict:
    """With the sentence of a verdict that has no estimate.

    Args:
        arms: as in `with_interval`.
    """
    missing = _without_number(verdict, arms) if any(one.missing for one in arms) else ""
    if verdict.tag == TOO_FEW:
        found = _listed(f"{one.name or 'the arm'} {one.n}" for one in arms)
        sentence = f"An interval needs two seeds in each arm at least; runs with a number: {found}."
        return replace(verdict, sentence=f"{sentence} {missing}." if missing else sentence)
    sentence = f"{missing}: what is left is a selection, and its values are not compared."
    return replace(verdict, sentence=sentence)


def shares(verdict: Verdict) -> Verdict:
    """With the sentence of a verdict on shares of diverged runs."""
    assert verdict.divergence is not None
    counts = zip(verdict.arms, verdict.divergence.lost, verdict.divergence.runs, strict=True)
    found = _listed(f"{lost} of {runs} runs of {name}" for name, lost, runs in counts)
    test = "" if verdict.p is None else f" (Fisher's p = {verdict.p:.2g})"
    return replace(verdict, sentence=f"{found} diverged{test}.")


def _compared(verdict: Verdict, criterion: Criterion) -> str:
    names = [name or letter for name, letter in zip(verdict.arms, "ABCD", strict=False)]
    sign = "/" if criterion.ratio else "−"
    if len(names) == 1:
        reference = _number(criterion.reference, criterion)
        neutral = criterion.reference == (1 if criterion.ratio else 0)
        return names[0] if neutral else f"{names[0]} {sign} {reference}"
    pairs = [f"{one} {sign} {other}" for one, other in zip(names[::2], names[1::2], strict=True)]
    return pairs[0] if len(pairs) == 1 else f"({pairs[0]}) {sign} ({pairs[1]})"


def _reason(verdict: Verdict, criterion: Criterion) -> str:
    """Why the state is what it is, in a few words."""
    asserted = criterion.direction
    if verdict.state == "supported":
        return "no difference that matters" if asserted == "equal" else "a difference of at least the margin"
    if verdict.state == "contradicted":
        if asserted == "equal":
            return "a difference above the margin"
        words = {REVERSED: "it is the other way round", NEGLIGIBLE: "real, and too small to matter"}
        return words.get(verdict.tag or "", "no difference of the margin")
    if asserted == "equal":
        return "neither equal within the margin nor different by more"
    return "neither a difference of the margin nor its absence is shown"


def _number(value: float, criterion: Criterion) -> str:
    if criterion.percent and not criterion.ratio:
        return _signed(f"{100 * value:.2f}")
    return _signed(f"{value:.3g}")


def _signed(text: str) -> str:
    return text.replace("-", "−") if float(text) else text.lstrip("-")  # no negative zero


def _without_number(verdict: Verdict, arms: Sequence[Sample]) -> str:
    """Which arms have runs without a number, how many and why."""
    p = None if verdict.divergence is None else verdict.divergence.p
    test = "" if p is None else f", Fisher's p = {p:.2g} of equal shares of diverged runs"
    return f"No number from {_counts([one for one in arms if one.missing])}{test}"


def _counts(arms: Sequence[Sample]) -> str:
    return _listed(f"{one.name or 'the arm'} ({_missing(one)})" for one in arms)


def _missing(arm: Sample) -> str:
    """The runs without a number: diverged ones, and finished ones in which what is asked for did not come about."""
    kinds = ((arm.lost, "diverged"), (arm.without, "finished without one"))
    return f"of {arm.runs} runs {_listed(f'{count} {words}' for count, words in kinds if count)}"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
