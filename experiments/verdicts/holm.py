"""Holm's correction of a family of verdicts: some of many tests come out by chance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from experiments.verdicts.rule import ALPHA
from experiments.verdicts.verdict import Verdict

Key = TypeVar("Key")


def corrected(family: Mapping[Key, Verdict | None]) -> dict[Key, Verdict]:
    """The verdicts of a family, those that do not survive turned into inconclusive ones.

    The step-down procedure of Holm (1979, Scandinavian Journal of Statistics 6) keeps the probability of any wrong
    rejection within 5 %, whatever the tests have to do with each other. A verdict enters with its own p, of the
    hypothesis that it rejects. Members that are inconclusive, and those without a verdict (None), enter with p = 1: so
    the family is the one that was laid down beforehand, and no verdict is lost because another study is run.
    """
    if all(verdict is None for verdict in family.values()):
        return {}
    from statsmodels.stats.multitest import multipletests  # takes seconds to import, with scipy.stats and pandas

    raw = [_p(verdict) for verdict in family.values()]
    adjusted = multipletests(raw, alpha=ALPHA, method="holm")[1]
    found = {}
    for (key, verdict), p in zip(family.items(), adjusted, strict=True):
        if verdict is not None:
            found[key] = _after(verdict, float(p), len(family))
    return found


def _p(verdict: Verdict | None) -> float:
    if verdict is None or verdict.state == "inconclusive" or verdict.p is None:
        return 1.0
    return verdict.p


def _after(verdict: Verdict, p: float, k: int) -> Verdict:
    if verdict.state == "inconclusive":
        return verdict
    if p <= ALPHA:
        return replace(verdict, adjusted_p=p)
    tag = f"not after Holm's correction over {k} tests"
    sentence = f"{verdict.sentence} Alone it would be {verdict.state}; corrected over {k} tests its p is {p:.2g}."
    return replace(verdict, state="inconclusive", tag=tag, adjusted_p=p, sentence=sentence)
