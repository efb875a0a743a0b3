"""Contrasts, power, exact tests and corrections against independent implementations and numbers found by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from samples import exactly, of
from scipy import integrate, stats
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from experiments.verdicts.contrast import contrast
from experiments.verdicts.divergence import fisher, share_difference
from experiments.verdicts.estimate import Estimate
from experiments.verdicts.power import power_of_difference, power_of_equality
from experiments.verdicts.rule import outcome

A, B = of(3.1, 2.9, 4.4), of(1.2, 2.6, 1.9, 0.3, 2.2)
C, D = of(7.0, 9.0), of(6.5, 6.9, 7.7, 5.2)


def test_two_arms_are_welchs_test():
    found = contrast([(1, A), (-1, B)])
    test = stats.ttest_ind(A.values, B.values, equal_var=False)
    ends = test.confidence_interval(0.95)
    assert found.df == pytest.approx(test.df)
    assert (found.low(0.025), found.high(0.025)) == pytest.approx((ends.low, ends.high))
    assert 2 * found.p_above(0) == pytest.approx(test.pvalue)
    above = stats.ttest_ind(A.values, B.values, equal_var=False, alternative="greater")
    assert found.p_above(0) == pytest.approx(above.pvalue)
    assert found.p_below(0) == pytest.approx(1 - above.pvalue)


def test_one_arm_is_students_test():
    found = contrast([(1, B)], 1.0)
    test = stats.ttest_1samp(B.values, 1.0)
    assert (found.value, found.df) == pytest.approx((np.mean(B.values) - 1, 4))
    assert 2 * min(found.p_above(0), found.p_below(0)) == pytest.approx(test.pvalue)


def test_a_difference_of_differences():
    found = contrast([(1, A), (-1, B), (-1, C), (1, D)])
    parts = [np.var(arm.values, ddof=1) / arm.n for arm in (A, B, C, D)]
    freedoms = [arm.n - 1 for arm in (A, B, C, D)]
    df = sum(parts) ** 2 / sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    value = np.mean(A.values) - np.mean(B.values) - np.mean(C.values) + np.mean(D.values)
    assert (found.value, found.se, found.df) == pytest.approx((value, math.sqrt(sum(parts)), df))


def test_weights_count_squared():
    assert contrast([(2, A)]).se == pytest.approx(2 * contrast([(1, A)]).se)


def test_an_arm_that_stands_there_twice_is_one_sample():
    """In (A − B) − (B − D) the mean of B is subtracted twice, and errs by the same both times."""
    a, b, d = (replace(arm, name=name) for arm, name in ((A, "a"), (B, "b"), (D, "d")))
    found, expected = contrast([(1, a), (-1, b), (-1, b), (1, d)]), contrast([(1, a), (-2, b), (1, d)])
    assert (found.value, found.se, found.df) == pytest.approx((expected.value, expected.se, expected.df))
    assert found.se > contrast([(1, A), (-1, B), (-1, B), (1, D)]).se
    assert [arm.name for arm in found.arms] == ["a", "b", "b", "d"]


def test_arms_without_spread_are_exact():
    # 0.1 + 0.1 + 0.1 is not 0.3 in floating point: a spread of 1e-17 must not come of it
    found = contrast([(1, of(0.1, 0.1, 0.1)), (-1, of(0.3, 0.3))])
    assert (found.se, found.df) == (0, math.inf)
    assert found.low(0.025) == found.high(0.025) == found.value == pytest.approx(-0.2)
    assert (found.p_above(-0.3), found.p_above(0)) == (0, 1)
    assert (found.p_below(-0.1), found.p_below(-0.3)) == (0, 1)
    assert power_of_difference(found, 0.1, 0.05) == power_of_equality(found, 0.1, 0.05) == 1


def test_one_arm_without_spread():
    found = contrast([(1, A), (-1, of(2.0, 2.0))])
    alone = stats.ttest_1samp(A.values, 2.0)
    assert found.df == 2
    assert 2 * found.p_above(0) == pytest.approx(alone.pvalue)


def test_equality_is_two_one_sided_tests():
    a, b, margin = exactly(0.30, 0.1, 6), exactly(0.27, 0.2, 8), 0.25
    p, *_ = CompareMeans(DescrStatsW(a.values), DescrStatsW(b.values)).ttost_ind(-margin, margin, usevar="unequal")
    found = outcome(Estimate(((contrast([(1, a), (-1, b)]),),)), "equal", margin)
    assert (found.state, found.level) == ("supported", 0.9)
    assert found.p == pytest.approx(p)


@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_power_is_the_noncentral_t(margin):
    found = contrast([(1, A), (-1, B)])
    critical = stats.t.ppf(0.975, found.df)
    assert power_of_difference(found, margin, 0.05) == pytest.approx(
        stats.nct.sf(critical, found.df, margin / found.se)
    )


def test_power_of_published_sample_sizes():
    # effect of one sd: 17 in each arm reach .8 at a two-sided .05 (Cohen 1988, table 2.4.1); 16 do not
    powers = [power_of_difference(contrast([(1, exactly(0, 1, n)), (-1, exactly(0, 1, n))]), 1, 0.05) for n in (16, 17)]
    assert powers[0] < 0.8 < powers[1]


def test_power_of_equality_is_a_close_bound():
    """Given the spread, both one-sided tests reject where |mean| < m − t·s: integrated over the spread."""
    found = contrast([(1, exactly(0, 1, 12)), (-1, exactly(0, 1, 12))])
    margin, df, critical = 3 * found.se, found.df, stats.t.ppf(0.95, found.df)

    def given(share):  # share: s²/σ², a χ² over its degrees of freedom
        room = max(0.0, 3 - critical * math.sqrt(share))
        return (2 * stats.norm.cdf(room) - 1) * stats.chi2.pdf(share * df, df) * df

    exact = integrate.quad(given, 0, (3 / critical) ** 2)[0]
    bound = power_of_equality(found, margin, 0.05)
    assert exact - 0.02 < bound <= exact + 1e-6
    assert power_of_equality(found, found.se, 0.05) == 0


def test_fisher_by_hand():
    # 5 of 5 against 0 of 5: the two extreme splits among (10 choose 5) = 252
    assert fisher(5, 5, 0, 5) == pytest.approx(2 / 252)
    # 4 of 5 against 0 of 5: (5 choose 4) of (10 choose 4) = 210 splits, on either side
    assert fisher(4, 5, 0, 5) == pytest.approx(10 / 210)
    assert fisher(0, 5, 0, 5) == 1
    assert fisher(3, 3, 0, 2) == pytest.approx(1 / 10)  # the split of the other side cannot be that extreme


@pytest.mark.parametrize("counts", [(3, 10, 1, 12), (0, 5, 0, 5), (5, 5, 0, 5), (20, 20, 19, 20)])
def test_newcombes_interval(counts):
    effect, low, high = share_difference(*counts, level=0.95)
    assert effect == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])
    expected = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=0.05)
    assert (low, high) == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_of_several_is_not_picked_for_free(sign):
    """Bounds of the difference to the best of k equal arms: below as against each, above with the tail over k."""
    a, others = exactly(1.0, 0.3), [exactly(0.0, 0.3), exactly(0.1, 0.2), exactly(-1.0, 0.1)]
    cells = [contrast([(1, a), (-1, other)]) for other in others]
    found = Estimate((tuple(cells),)) if sign > 0 else Estimate((tuple(cells),)).negated()
    assert found.value == pytest.approx(0.9 * sign)
    low = min(cell.low(0.025) for cell in cells)
    high = min(cell.high(0.025 / 3) for cell in cells)
    assert (found.low(0.025), found.high(0.025)) == ((low, high) if sign > 0 else (-high, -low))
    # p and bounds are two ways of saying the same
    assert found.p_above(found.low(0.025)) == pytest.approx(0.025)
    assert found.p_below(found.high(0.025)) == pytest.approx(0.025)


def test_the_best_on_both_sides():
    several, others = [exactly(1.0, 0.3), exactly(1.2, 0.3)], [exactly(0.0, 0.2), exactly(0.4, 0.2)]
    cells = tuple(tuple(contrast([(1, one), (-1, other)]) for other in others) for one in several)
    found = Estimate(cells)
    assert found.value == pytest.approx(1.2 - 0.4)
    assert found.low(0.025) == max(min(cell.low(0.0125) for cell in row) for row in cells)
    assert found.high(0.025) == max(min(cell.high(0.0125) for cell in row) for row in cells)
    assert found.p_above(found.low(0.025)) == pytest.approx(0.025)
    assert found.p_below(found.high(0.025)) == pytest.approx(0.025)
