"""Power of a verdict's test at the margin, with the spread that was found: could it have seen what matters?"""

from scipy.special import nctdtr, stdtrit

from experiments.verdicts.contrast import Contrast


def power_of_difference(found: Contrast, margin: float, alpha: float) -> float:
    """Probability that the 1 − alpha interval lies above 0 if the true difference is `margin`.

    With t' the noncentral t distribution of noncentrality margin/se: P(t' > t₁₋α/₂) (Cohen 1988, chapter 2, here with
    Welch's degrees of freedom). It describes the design and not the result: the difference found does not enter.
    """
    if found.se == 0:
        return 1.0
    return _beyond(found, margin, alpha / 2)


def power_of_equality(found: Contrast, margin: float, alpha: float) -> float:
    """Probability that both one-sided tests at `alpha` reject if there is no difference, from below: 2 P(one does) − 1
    (Bonferroni's inequality; Phillips 1990, Journal of Pharmacokinetics and Biopharmaceutics 18, has the exact one)."""
    if found.se == 0:
        return 1.0
    return max(0.0, 2 * _beyond(found, margin, alpha) - 1)


def _beyond(found: Contrast, margin: float, tail: float) -> float:
    critical = -float(stdtrit(found.df, tail))
    return 1 - float(nctdtr(found.df, margin / found.se, critical))
