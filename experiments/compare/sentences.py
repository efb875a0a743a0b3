"""The headline of a comparison: what was found, in plain words with the numbers that matter."""

import re

from experiments.compare.groups import Groups
from experiments.compare.interval import Interval
from experiments.compare.pair import Pair
from experiments.report.page import SPACE, count, number, p_value, percent

LEVEL_OF_P = 0.05


def pair_headline(pair: Pair, names: tuple[str, str]) -> str:
    """Who is better on these images, whether chance explains it, and how many predictions differ."""
    names = _spoken(names)
    same = pair.agreement.churn == 0
    scores = (
        f"{names[0]} is right on {percent(pair.a.accuracy.value)} of the {count(pair.images)} test images,"
        f" {names[1]} on {percent(pair.b.accuracy.value)}"
    )
    if same:
        return f"{scores}: the two predict the same class for every image."
    test = f"McNemar's p {p_value(pair.mcnemar.p)}"
    difference = pair.accuracy_difference
    if difference.value == 0:
        verdict = "no difference in accuracy"
    elif pair.mcnemar.p < LEVEL_OF_P:
        verdict = (
            f"{'A' if difference.value > 0 else 'B'} is the better of these two networks by"
            f" {_points(difference)}, more than chance among the images explains ({test})"
        )
    else:
        verdict = f"the difference of {_points(difference)} cannot be told from chance among the images ({test})"
    return (
        f"{scores}: {verdict}. They predict different classes for {percent(pair.agreement.churn)} of the images,"
        f" {count(round(pair.agreement.churn * pair.images))} in all."
    )


def groups_headline(groups: Groups, names: tuple[str, str]) -> str:
    """Whether the difference of accuracy exceeds the noise between seeds, and whether the disagreement does."""
    found = groups.accuracy
    sizes = (len(groups.a.runs), len(groups.b.runs))
    seeds = f"{sizes[0]} seeds each" if sizes[0] == sizes[1] else f"{sizes[0]} and {sizes[1]} seeds"
    names = _spoken(names)
    scores = (
        f"Over {seeds}, {names[0]} is right on {percent(found.a_mean)} of the"
        f" {count(groups.images)} test images (sd {number(100 * found.a_sd, 2)}), {names[1]} on"
        f" {percent(found.b_mean)} (sd {number(100 * found.b_sd, 2)})"
    )
    if found.welch.excludes_zero:
        verdict = (
            f"{'A' if found.welch.value > 0 else 'B'} is better by {_points(found.welch)}, more than the noise between"
            f" seeds explains (Welch's p {p_value(found.p)})"
        )
    else:
        verdict = (
            f"the difference of {_points(found.welch)} cannot be told from the noise between seeds"
            f" (Welch's p {p_value(found.p)})"
        )
    return f"{scores}: {verdict}. {churn_sentence(groups)}"


def churn_sentence(groups: Groups) -> str:
    """Excess churn in words: what of the disagreement between A and B is not mere seed noise."""
    churn, excess = groups.churn, groups.churn.excess
    noise = (churn.within_a + churn.within_b) / 2
    begin = (
        f"A run of A and a run of B predict different classes for {percent(churn.between)} of the images; two seeds of"
        f" one configuration do so for {percent(noise)} already"
    )
    if not _bounded(excess):
        return f"{begin}, so that {_points(excess)} are beyond seed noise (too few seeds for an interval)."
    if excess.low > 0:
        return f"{begin}: {_points(excess)} of the disagreement are beyond seed noise."
    if excess.high < 0:
        return f"{begin}: A and B disagree by {_points(excess)} less than seeds do among themselves."
    return f"{begin}: the excess of {_points(excess, sign=True)} cannot be told from seed noise."


def _points(interval: Interval, sign: bool = False) -> str:
    """The size of a difference in points with its interval, turned so that the value is positive."""
    value, low, high = (100 * end for end in (interval.value, interval.low, interval.high))
    if value < 0 and not sign:
        value, low, high = -value, -high, -low
    ends = f" (95{SPACE}% interval {number(low, 2)} to {number(high, 2)})" if _bounded(interval) else ""
    return f"{number(value, 2)} points{ends}"


def _spoken(names: tuple[str, str]) -> tuple[str, str]:
    """`A · bn` as `A (bn)`, which reads better inside a sentence."""
    first, second = (re.sub(r"^(.) · (.*)$", r"\1 (\2)", name) for name in names)
    return first, second


def _bounded(interval: Interval) -> bool:
    return interval.low == interval.low and interval.high == interval.high
