"""The rule's table line by line, on samples with chosen means and spreads; lost runs; divergence as the outcome."""

import math

import pytest
from samples import exactly, of
from scipy import stats

from experiments.verdicts.criterion import Criterion
from experiments.verdicts.judge import judge
from experiments.verdicts.judge_divergence import judge_divergence
from experiments.verdicts.verdict import LOST_RUNS, NEGLIGIBLE, NO_NUMBER, REVERSED, TOO_FEW, Divergence


def verdict(direction, difference, sd, margin=0.3, **more):
    """Of A, around 1 + difference, and B, around 1, five runs each; the 95 % interval reaches 1.458 · sd either way."""
    return judge(Criterion(direction, margin, **more), [exactly(1 + difference, sd)], [exactly(1, sd)])


@pytest.mark.parametrize(
    ("direction", "difference", "sd", "state", "tag"),
    [
        ("greater", 0.5, 0.2, "supported", None),  # [.21, .79]
        ("greater", 0.29, 0.1, "inconclusive", None),  # [.14, .44]: real, and not as large as the margin
        ("greater", 0.3, 0.1, "supported", None),  # D = m, up to rounding
        ("greater", 0.5, 0.4, "inconclusive", None),  # [−.08, 1.08]
        ("greater", 0.15, 0.05, "contradicted", NEGLIGIBLE),  # [.08, .22]
        ("greater", 0.05, 0.1, "contradicted", None),  # [−.10, .20]
        ("greater", -0.5, 0.2, "contradicted", REVERSED),
        ("greater", -0.05, 0.1, "contradicted", None),  # [−.20, .10]: it may be the other way round, or not
        ("less", -0.5, 0.2, "supported", None),
        ("less", -0.15, 0.05, "contradicted", NEGLIGIBLE),
        ("less", 0.5, 0.2, "contradicted", REVERSED),
        ("less", -0.5, 0.4, "inconclusive", None),
        ("equal", 0.05, 0.1, "supported", None),  # 90 %: [−.07, .17]
        ("equal", 0.20, 0.08, "supported", None),  # 90 %: [.11, .29] where 95 % reach .317
        ("equal", 0.20, 0.1, "inconclusive", None),
        ("equal", -0.20, 0.1, "inconclusive", None),
        ("equal", 0.5, 0.1, "contradicted", None),  # [.35, .65]
        ("equal", -0.5, 0.1, "contradicted", None),
        ("equal", 0.5, 0.15, "inconclusive", None),  # [.28, .72]
        ("differs", 0.5, 0.2, "supported", None),
        ("differs", -0.5, 0.2, "supported", None),
        ("differs", 0.05, 0.1, "contradicted", None),
        ("differs", 0.15, 0.05, "contradicted", NEGLIGIBLE),
        ("differs", 0.29, 0.1, "inconclusive", None),
        ("differs", 0.5, 0.4, "inconclusive", None),
    ],
)
def test_the_rule(direction, difference, sd, state, tag):
    found = verdict(direction, difference, sd)
    assert (found.state, found.tag) == (state, tag), found.sentence
    assert found.effect == pytest.approx(difference)  # A − B, whatever is asserted
    assert found.low < found.effect < found.high
    reach = {0.95: 2.306, 0.9: 1.8595}[found.level] * sd * math.sqrt(2 / 5)  # t quantiles of 8 degrees of freedom
    assert (found.low, found.high) == pytest.approx((difference - reach, difference + reach), rel=1e-3)
    assert (found.n, found.df, found.margin) == ((5, 5), pytest.approx(8), 0.3)
    assert found.sd == pytest.approx((sd, sd))
    assert found.mean == pytest.approx((1 + difference, 1))
    assert found.p < 0.05 or state == "inconclusive"


@pytest.mark.parametrize(
    ("direction", "difference", "state", "tag"),
    [
        ("greater", 0.3, "supported", None),
        ("greater", 0.2, "contradicted", NEGLIGIBLE),
        ("greater", 0.0, "contradicted", None),
        ("greater", -0.1, "contradicted", REVERSED),
        ("equal", 0.2, "supported", None),
        ("equal", 0.4, "contradicted", None),
        ("differs", -0.4, "supported", None),
        ("differs", 0.0, "contradicted", None),
    ],
)
def test_without_any_spread_the_interval_is_the_point(direction, difference, state, tag):
    found = verdict(direction, difference, 0)
    assert (found.state, found.tag) == (state, tag)
    assert found.low == found.high == found.effect
    assert (found.p, found.power, found.df) == (0, 1, math.inf)
    assert "do not differ" in found.sentence


def test_p_is_of_what_is_rejected():
    """It is .05 where the interval just leaves out 0, or the margin."""
    sd = 0.4 / 1.4586  # the interval reaches .39996 either way
    assert verdict("greater", 0.4, sd).p == pytest.approx(0.05, rel=1e-2)
    touching = verdict("greater", -0.1, sd)
    assert touching.high == pytest.approx(0.3, rel=1e-3)
    assert (touching.state, touching.p) == ("contradicted", pytest.approx(0.05, rel=1e-2))
    beyond = verdict("equal", 0.7001, sd)
    assert (beyond.state, beyond.p) == ("contradicted", pytest.approx(0.05, rel=1e-2))


def test_power_is_of_the_test_that_is_asked():
    """With se .126, m .3 and 8 degrees of freedom: of a difference, and of both one-sided tests."""
    difference, equality = (verdict(direction, 0, 0.2).power for direction in ("greater", "equal"))
    critical = [stats.t.ppf(level, 8) for level in (0.975, 0.95)]
    noncentral = [stats.nct.sf(point, 8, 0.3 / (0.2 * math.sqrt(0.4))) for point in critical]
    assert (difference, equality) == pytest.approx((noncentral[0], 2 * noncentral[1] - 1))
    assert verdict("greater", 0.7, 0.2).power == pytest.approx(difference)  # what is found does not enter


def test_ratios_are_compared_as_logarithms():
    a, b = of(100, 200, 400), of(400, 800, 1600)
    found = judge(Criterion("less", 1.25, ratio=True, better="lower"), [a], [b])
    assert (found.effect, found.mean) == (pytest.approx(0.25), pytest.approx((200, 800)))
    reach = 2.7764 * math.log(2) * math.sqrt(2 / 3)
    assert (found.low, found.high) == pytest.approx((0.25 * math.exp(-reach), 0.25 * math.exp(reach)), rel=1e-3)
    assert found.sd == pytest.approx((math.log(2), math.log(2)))
    assert found.state == "inconclusive"
    sharp = judge(Criterion("less", 1.25, ratio=True, better="lower"), [of(100, 101, 102)], [of(126, 127, 128)])
    assert sharp.state == "supported"  # 1/1.257, and 1.25 is the margin
    assert judge(Criterion("less", 1.27, ratio=True), [of(100, 101, 102)], [of(126, 127, 128)]).state == "inconclusive"
    assert judge(Criterion("less", 1.5, ratio=True), [of(100, 101, 102)], [of(126, 127, 128)]).tag == NEGLIGIBLE


def test_an_arm_against_a_fixed_number():
    slower = judge(Criterion("greater", 1.05, ratio=True, reference=1.0), [of(1.2, 1.25, 1.3, name="bn")])
    assert (slower.state, slower.effect) == ("supported", pytest.approx(1.2493, rel=1e-3))
    assert slower.sentence.startswith("bn is 1.25 (95% interval")
    small = judge(Criterion("greater", 1.05, ratio=True, reference=1.0), [of(1.0051, 1.0051)])
    assert (small.state, small.tag) == ("contradicted", NEGLIGIBLE)
    shifted = judge(Criterion("greater", 0.5, reference=2.0), [exactly(3, 0.1)])
    assert (shifted.state, shifted.effect, shifted.n) == ("supported", pytest.approx(1), (5,))


def test_a_difference_of_differences():
    a, b, c, d = (exactly(mean, 0.1, name=name) for mean, name in ((5, "a"), (3, "b"), (4, "c"), (2.9, "d")))
    found = judge(Criterion("greater", 0.5), [a], [b], (c, d))
    assert (found.state, found.effect, found.arms) == ("supported", pytest.approx(0.9), ("a", "b", "c", "d"))
    assert found.sentence.startswith("(a − b) − (c − d) is 0.9 ")
    assert judge(Criterion("less", 0.5), [a], [b], (c, d)).tag == REVERSED


@pytest.mark.parametrize(("better", "chosen"), [("higher", "large"), ("lower", "small")])
def test_the_best_of_several_in_the_metrics_sense(better, chosen):
    others = [exactly(0.8, 0.05, name="small"), exactly(0.9, 0.05, name="large")]
    found = judge(Criterion("greater", 0.3, better=better), [exactly(2, 0.05, name="a")], others)
    assert (found.arms, found.state) == (("a", chosen), "supported")
    assert found.effect == pytest.approx(2 - {"large": 0.9, "small": 0.8}[chosen])
    turned = judge(Criterion("less", 0.3, better=better), others, [exactly(2, 0.05, name="a")])
    assert (turned.arms, turned.state, turned.effect) == ((chosen, "a"), "supported", pytest.approx(-found.effect))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_values(n):
    found = judge(Criterion("greater", 0.3), [exactly(1, 0.1)], [of(*[0.5] * n)])
    assert (found.state, found.tag, found.effect, found.p) == ("inconclusive", TOO_FEW, None, None)
    assert "two seeds" in found.sentence


def test_lost_runs_of_one_arm_make_its_values_a_selection():
    a = exactly(1, 0.01, 10, name="a")
    for lost in (2, 3):
        b = exactly(0, 0.01, 10 - lost, name="b", runs=10, diverged=lost)
        found = judge(Criterion("greater", 0.3), [a], [b])
        assert found.divergence.lost == (0, lost)
        if lost == 2:  # a fifth is bearable
            assert found.state == "supported"
            assert found.sentence.endswith(
                "No number from b (of 10 runs 2 diverged), Fisher's p = 0.47 of equal shares of diverged runs."
            )
        else:
            assert (found.state, found.tag, found.effect) == ("inconclusive", LOST_RUNS, None)
            assert found.divergence == Divergence((0, 3), (10, 10), pytest.approx(0.2105, abs=1e-4))
            assert found.sentence == (
                "No number from b (of 10 runs 3 diverged), Fisher's p = 0.21 of equal shares of diverged runs: what is "
                "left is a selection, and its values are not compared."
            )
    lost = exactly(1, 0.01, 3, runs=5, diverged=2)
    both = judge(Criterion("greater", 0.3), [lost], [exactly(0, 0.01, 3, runs=5, diverged=2)])
    assert both.state == "supported"
    assert judge(Criterion("greater", 0.3), [lost]).tag == LOST_RUNS
    four = judge(Criterion("greater", 0.3), [a], [a], (a, exactly(0, 0.01, 3, runs=5, diverged=2)))
    assert (four.tag, four.divergence.p) == (LOST_RUNS, None)


def test_finished_runs_without_a_number_are_not_lost():
    """They leave a selection as well, and are named as what they are; no test of divergence counts them."""
    a = exactly(1, 0.01, 10, name="a")
    for without in (2, 3):
        b = exactly(0, 0.01, 10 - without, name="b", runs=10)
        found = judge(Criterion("greater", 0.3), [a], [b])
        assert found.divergence is None
        assert f"No number from b (of 10 runs {without} finished without one)" in found.sentence
        assert "diverged" not in found.sentence
        assert (found.state, found.tag) == (("supported", None) if without == 2 else ("inconclusive", NO_NUMBER))
    mixed = judge(Criterion("greater", 0.3), [a], [exactly(0, 0.01, 6, name="b", runs=10, diverged=2)])
    assert mixed.tag == NO_NUMBER  # two of ten diverged, which would be bearable
    assert mixed.divergence == Divergence((0, 2), (10, 10), pytest.approx(0.4737, abs=1e-4))
    assert "b (of 10 runs 2 diverged and 2 finished without one), Fisher's p = 0.47" in mixed.sentence
    more = judge(Criterion("greater", 0.3), [a], [exactly(0, 0.01, 6, runs=10, diverged=3)])
    assert (more.tag, more.divergence.lost) == (LOST_RUNS, (0, 3))
    assert judge(Criterion("greater", 0.3), [exactly(1, 0.01, 3, runs=5)]).tag == NO_NUMBER
    neither = judge(Criterion("greater", 0.3), [of(runs=3, name="a")], [of(runs=3, diverged=3, name="b")])
    assert neither.tag == TOO_FEW
    assert "No number from a (of 3 runs 3 finished without one) and b (of 3 runs 3 diverged)" in neither.sentence


def test_a_diverged_run_with_a_number_is_not_lost():
    found = judge(Criterion("greater", 0.3), [exactly(1, 0.01)], [of(*[0.1] * 4, 0.2, diverged=5, lost=0)])
    assert (found.state, found.divergence, found.n) == ("supported", None, (5, 5))
    assert "No number" not in found.sentence
    some = judge(Criterion("greater", 0.3), [exactly(1, 0.01)], [of(0.1, 0.2, 0.1, 0.1, runs=5, diverged=3, lost=1)])
    assert (some.state, some.divergence.lost) == ("supported", (0, 1))
    counted = judge_divergence(Criterion("greater", 0.2), of(*[0.1] * 5, diverged=5, lost=0), exactly(1, 0.1))
    assert (counted.state, counted.divergence.lost) == ("supported", (5, 0))  # of which it is the outcome


def test_a_number_that_has_no_logarithm_is_none():
    found = judge(Criterion("greater", 1.25, ratio=True), [of(1, 2, 0, 3)], [exactly(1, 0.1)])
    assert (found.tag, found.divergence) == (NO_NUMBER, None)
    assert "(of 4 runs 1 finished without one)" in found.sentence


def test_an_arm_that_diverges_is_not_the_best_of_several():
    bad = exactly(3, 0.01, 2, name="bad", runs=5, diverged=3)
    found = judge(Criterion("greater", 0.3), [exactly(1, 0.1, name="a")], [bad, exactly(0, 0.1, name="b")])
    assert (found.arms, found.state) == (("a", "b"), "supported")
    assert "Not compared, since more than a fifth of their runs have no number: bad (of 5 runs 3 diverged)." in (
        found.sentence
    )
    assert found.divergence is None  # of those that are compared
    assert judge(Criterion("greater", 0.3), [exactly(1, 0.1)], [bad, bad]).tag == LOST_RUNS


@pytest.mark.parametrize(
    ("direction", "a", "b", "state", "tag"),
    [
        ("greater", (5, 5), (0, 5), "supported", None),
        ("greater", (3, 5), (0, 5), "inconclusive", None),
        ("greater", (0, 5), (5, 5), "contradicted", REVERSED),
        ("greater", (0, 5), (0, 5), "inconclusive", None),  # Newcombe's interval reaches .43
        ("greater", (0, 25), (0, 25), "contradicted", None),
        ("less", (0, 5), (5, 5), "supported", None),
        ("less", (5, 5), (0, 5), "contradicted", REVERSED),
        ("less", (0, 25), (0, 25), "contradicted", None),
        ("less", (3, 25), (0, 25), "contradicted", None),  # [−.04, .30] of A − B
        ("equal", (5, 5), (0, 5), "contradicted", None),
        ("equal", (0, 12), (0, 12), "supported", None),  # the 90 % interval reaches .184, that of 95 % .242
        ("greater", (0, 12), (0, 12), "inconclusive", None),
        ("differs", (0, 12), (0, 12), "contradicted", None),
        ("equal", (0, 25), (0, 25), "supported", None),
        ("equal", (0, 5), (0, 5), "inconclusive", None),
        ("differs", (0, 5), (5, 5), "supported", None),
        ("differs", (0, 25), (0, 25), "contradicted", None),
        ("differs", (1, 5), (0, 5), "inconclusive", None),
        ("greater", (1, 1), (0, 5), "inconclusive", TOO_FEW),
    ],
)
def test_divergence_as_the_outcome(direction, a, b, state, tag):
    samples = [of(runs=runs, diverged=lost, name=name) for (lost, runs), name in ((a, "a"), (b, "b"))]
    found = judge_divergence(Criterion(direction, 0.2), *samples)
    assert (found.state, found.tag, found.n) == (state, tag, (a[1], b[1]))
    assert found.divergence.lost == (a[0], b[0])
    assert found.sentence.startswith(f"{a[0]} of {a[1]} runs of a and {b[0]} of {b[1]} runs of b diverged")
    shown = found.p is not None and found.p < 0.05
    of_two_tests = (direction == "equal" and not shown) or (direction == "differs" and state == "contradicted")
    assert found.level == pytest.approx(0.9 if of_two_tests and tag is None else 0.95)
    if a == b == (0, 12):
        assert found.high == pytest.approx({0.9: 0.184, 0.95: 0.242}[round(found.level, 2)], abs=1e-3)


def test_sentences():
    points = judge(
        Criterion("greater", 0.003, percent=True),
        [exactly(0.9213, 0.002, name="bn")],
        [exactly(0.9, 0.002, name="no norm")],
    )
    assert points.sentence == (
        "bn − no norm is 2.13 points (95% interval 1.84 to 2.42, margin 0.30; n = 5 and 5): "
        "a difference of at least the margin."
    )
    below = judge(Criterion("greater", 0.003, percent=True), [exactly(0.9, 0.001)], [exactly(0.9213, 0.001)])
    assert below.sentence.startswith("A − B is −2.13 points")
    assert "the other way round" in below.sentence
    zero = judge(Criterion("equal", 0.003, percent=True), [exactly(0.9, 0.001)], [exactly(0.90001, 0.001)])
    assert zero.sentence.startswith("A − B is 0.00 points (90%")
