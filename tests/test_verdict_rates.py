"""How often the rule says what, over many made-up experiments."""

import numpy as np
import pytest

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.judge import judge
from experiments.verdicts.sample import Sample

DRAWS = 2500  # simulation error of a rate: .01 at the most
SLACK = 0.03


def arms(n, means, sds, draws=DRAWS, seed=0):
    """For each draw, the samples of the arms."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(mean, sd, size=(draws, n)).tolist() for mean, sd in zip(means, sds, strict=True)]
    for row in zip(*values, strict=True):
        yield [Sample(tuple(arm), n) for arm in row]


def rates(criterion, n, difference, sd=0.2):
    states = [judge(criterion, [a], [b]).state for a, b in arms(n, (difference, 0), (sd, sd))]
    return {state: states.count(state) / DRAWS for state in ("supported", "contradicted", "inconclusive")}


@pytest.mark.parametrize(
    ("n", "difference", "state", "rate"),
    [
        (5, 0.0, "supported", 0.01),
        (5, 0.0, "contradicted", 0.52),
        (5, 0.5, "supported", 0.90),
        (10, 0.0, "contradicted", 0.88),
        (10, 0.8, "supported", 1.0),
        (5, 0.3, "contradicted", 0.025),  # the difference is the margin: the size of the other test
        (10, 0.3, "contradicted", 0.025),
        (5, -0.9, "contradicted", 1.0),
        (10, 0.9, "supported", 1.0),
    ],
)
def test_rates_of_the_rule(n, difference, state, rate):
    """sd .2 and margin .3, as in the plan of the studies."""
    assert rates(Criterion("greater", 0.3), n, difference)[state] == pytest.approx(rate, abs=SLACK)


def test_equality_is_claimed_in_five_percent_where_the_difference_is_the_margin():
    found = rates(Criterion("equal", 0.3), 10, 0.3)
    assert found["supported"] == pytest.approx(0.05, abs=SLACK / 2)
    assert found["contradicted"] <= 0.025 + SLACK / 2
    assert rates(Criterion("equal", 0.3), 10, 0.0)["supported"] > 0.8
    assert rates(Criterion("equal", 0.3), 10, 0.9)["contradicted"] > 0.95


@pytest.mark.parametrize(("n", "sds"), [(5, (0.2, 0.2)), (5, (0.1, 0.4)), (10, (0.2, 0.6))])
def test_the_interval_holds_the_truth_in_95_percent(n, sds):
    held = 0
    for a, b in arms(n, (0.5, 0.3), sds):
        verdict = judge(Criterion("greater", 0.3), [a], [b])
        held += verdict.low <= 0.2 <= verdict.high
    assert held / DRAWS == pytest.approx(0.95, abs=0.015)


def test_the_best_of_three_equal_arms_does_not_look_better_than_it_is():
    """The rate at which equal arms are called different, by picking the best of three it would be far above .025."""
    criterion, below, above = Criterion("greater", 0.1), 0, 0
    for a, b, c, d in arms(5, (0, 0, 0, 0), (0.2,) * 4, draws=1200):
        verdict = judge(criterion, [a], [b, c, d])
        below += verdict.high < 0
        above += verdict.low > 0
    assert below / 1200 <= 0.025 + SLACK / 2
    assert above / 1200 <= 0.025 + SLACK / 2
