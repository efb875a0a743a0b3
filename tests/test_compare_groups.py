"""Groups of runs: Welch, the crossed bootstrap and churn beyond seed noise, against independent computations."""

import itertools
import math

import numpy as np
import pytest
from runs_of_logits import logits, run_of
from scipy import stats

from experiments.compare.groups import compare_groups
from experiments.compare.interval import Interval
from experiments.compare.seeds import Churn, churn_beyond_seeds, crossed_bootstrap, welch
from experiments.errors import UserError
from experiments.predictions.calibration import expected_calibration_error


def arms(images: int = 200) -> tuple[list, list]:
    a = [run_of(logits(10 + seed, images), f"seed={seed}") for seed in range(3)]
    b = [run_of(logits(20 + seed, images, strength=1.2), "norm=none", f"seed={seed}") for seed in range(4)]
    return a, b


def test_welchs_interval_is_its_formula() -> None:
    a, b = np.array([0.71, 0.73, 0.70]), np.array([0.66, 0.69, 0.64, 0.70])
    va, vb = a.var(ddof=1) / 3, b.var(ddof=1) / 4
    df = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 3)
    half = stats.t.ppf(0.975, df) * math.sqrt(va + vb)
    value = a.mean() - b.mean()
    found, found_df, p = welch(a, b)
    assert (found.value, found.low, found.high) == pytest.approx((value, value - half, value + half))
    assert found_df == pytest.approx(df)
    assert p == pytest.approx(2 * stats.t.sf(abs(value) / math.sqrt(va + vb), df))


def test_welch_without_any_spread() -> None:
    same, other = np.full(3, 0.5), np.full(3, 0.4)
    assert welch(same, same) == (Interval(0, 0, 0), math.inf, 1)
    assert welch(same, other)[2] == 0


def test_the_crossed_bootstrap_agrees_with_a_plain_loop_over_seeds_and_images() -> None:
    draws = np.random.default_rng(5)
    a, b = (draws.normal(size=(4, 60, 1)) + draws.normal(size=(4, 1, 1)) for _ in range(2))
    values = []
    for _ in range(4000):
        image = draws.integers(60, size=60)
        means = [arm[draws.integers(4, size=4)][:, image].mean() for arm in (a, b)]
        values.append(means[0] - means[1])
    found = crossed_bootstrap(a, b, {"mean": lambda means: means[..., 0]}, ("A", "B"), resamples=4000)["mean"]
    low, high = np.quantile(values, [0.025, 0.975])
    assert found.value == pytest.approx(a.mean() - b.mean())
    width = high - low
    assert abs(found.low - low) < 0.08 * width
    assert abs(found.high - high) < 0.08 * width


def excess_by_loops(a: np.ndarray, b: np.ndarray, seeds_a: list[int], seeds_b: list[int]) -> tuple[float, ...]:
    churn = lambda x, y: float(np.mean(x != y))  # noqa: E731
    across = [churn(a[i], b[j]) for i in range(len(a)) for j in range(len(b)) if seeds_a[i] != seeds_b[j]]
    within = [[churn(arm[i], arm[j]) for i, j in itertools.combinations(range(len(arm)), 2)] for arm in (a, b)]
    parts = [float(np.mean(values)) for values in (*within, across)]
    return (*parts, parts[2] - (parts[0] + parts[1]) / 2)


def test_the_excess_churn_is_that_of_loops_over_pairs_of_different_seeds() -> None:
    draws = np.random.default_rng(1)
    a, b = draws.integers(4, size=(3, 50)), draws.integers(4, size=(4, 50))
    found = churn_beyond_seeds(a, b, [0, 1, 2], [0, 1, 2, 3])
    within_a, within_b, between, excess = excess_by_loops(a, b, [0, 1, 2], [0, 1, 2, 3])
    assert (found.within_a, found.within_b, found.between) == pytest.approx((within_a, within_b, between))
    assert found.excess.value == pytest.approx(excess)
    assert found.matrix.shape == (7, 7)
    assert (found.matrix == found.matrix.T).all()
    assert (np.diag(found.matrix) == 0).all()


def predicted(draws: np.random.Generator, runs: int, easy: np.ndarray, run_effect: float) -> np.ndarray:
    """Runs that guess class 1 with a probability of the image's own, more or less boldly from run to run."""
    noise = draws.normal(size=(runs, len(easy)))
    return (easy + noise + run_effect * draws.normal(size=(runs, 1)) > 0).astype(int)


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_the_interval_of_the_excess_holds_the_truth_as_often_as_it_says(shift: float) -> None:
    """Simulated arms whose predictions differ by `shift` in each image's ease; the truth comes from 40 long runs."""
    draws = np.random.default_rng(2)

    def one(runs: int, images: int) -> Churn:
        easy = 2 * draws.normal(size=images)
        a, b = (predicted(draws, runs, easy + shift * draws.normal(size=images), 0.2) for _ in range(2))
        return churn_beyond_seeds(a, b, range(runs), range(runs))

    truth = np.mean([one(40, 4000).excess.value for _ in range(2)])
    if not shift:
        assert abs(truth) < 0.003
    found = [one(4, 400).excess for _ in range(120)]
    held = np.mean([interval.low <= truth <= interval.high for interval in found])
    assert held >= 0.93
    if shift:  # and it is not so wide that it says nothing
        assert np.mean([interval.low > 0 for interval in found]) > 0.5


def test_groups_hold_the_metrics_of_their_runs() -> None:
    a, b = arms()
    groups = compare_groups(a, b)
    assert groups.a.accuracy.tolist() == pytest.approx([run.test.accuracy for run in a])
    assert groups.b.loss.tolist() == pytest.approx([run.test.loss for run in b])
    eces = [expected_calibration_error(run.test.logits, run.test.labels) for run in b]
    assert groups.b.ece.tolist() == pytest.approx(eces)
    for name in ("accuracy", "loss", "ece"):
        found, x, y = getattr(groups, name), getattr(groups.a, name), getattr(groups.b, name)
        assert (found.a_mean, found.b_sd) == pytest.approx((x.mean(), y.std(ddof=1)))
        assert found.welch == welch(x, y)[0]
        assert found.crossed_bootstrap.low < found.welch.value < found.crossed_bootstrap.high
        assert found.crossed_bootstrap.value == pytest.approx(x.mean() - y.mean())


def test_swapping_the_groups_mirrors_the_comparison() -> None:
    a, b = arms()
    there, back = compare_groups(a, b), compare_groups(b, a)
    for name in ("accuracy", "loss", "ece"):
        for kind in ("welch", "crossed_bootstrap"):
            one, other = getattr(getattr(there, name), kind), getattr(getattr(back, name), kind)
            assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low), abs=1e-12)
        assert getattr(there, name).p == pytest.approx(getattr(back, name).p)
    assert (there.churn.within_a, there.churn.within_b) == (back.churn.within_b, back.churn.within_a)
    assert there.churn.excess.low == pytest.approx(back.churn.excess.low)


def test_groups_that_say_nothing_of_seeds_are_refused() -> None:
    a, b = arms()
    with pytest.raises(UserError, match="group A holds 1 run"):
        compare_groups(a[:1], b)
    with pytest.raises(UserError, match="group B holds runs of different settings"):
        compare_groups(a, [b[0], a[1]])
    with pytest.raises(UserError, match="group A holds two runs of one seed"):
        compare_groups([a[0], a[0]], b)
    with pytest.raises(UserError, match="both groups are seeds of"):
        compare_groups(a[:2], a[1:])
