"""Two runs: every statistic against an independent computation; mirrored when swapped; silent on a run and itself."""

import math

import numpy as np
import pytest
import torch
from runs_of_logits import logits, run_of
from scipy import stats

from experiments.compare.interval import Interval
from experiments.compare.intervals import (
    accuracy_difference,
    accuracy_interval,
    calibration_gaps,
    ece_difference,
    mcnemar,
    mean_interval,
)
from experiments.compare.pair import compare_pair, confusion_matrix
from experiments.errors import UserError
from experiments.predictions.agreement import Agreement
from experiments.predictions.calibration import expected_calibration_error
from experiments.predictions.divergence import jensen_shannon_divergence


def counts(wins: int, losses: int, images: int = 1000) -> Agreement:
    return Agreement(images, images - wins - losses, wins, losses, 0, 0)


def test_wilsons_interval_is_its_formula() -> None:
    right, n, z = 87, 120, stats.norm.ppf(0.975)
    p = right / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = accuracy_interval(right, n)
    assert (found.value, found.low, found.high) == pytest.approx((p, middle - half, middle + half))


def test_the_interval_of_a_mean_is_students() -> None:
    values = torch.from_numpy(np.random.default_rng(0).exponential(size=20))
    low, high = stats.ttest_1samp(values.numpy(), 0).confidence_interval(0.95)
    found = mean_interval(values)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean().item(), low, high))
    assert math.isnan(mean_interval(values[:1]).low)


def test_the_difference_of_paired_accuracies_is_a_z_interval_of_the_images() -> None:
    """(b − c)/N is the mean of N values in {−1, 0, 1}, with the variance that NumPy gives for them."""
    values = np.array([1] * 30 + [-1] * 18 + [0] * 152)
    half = stats.norm.ppf(0.975) * values.std() / math.sqrt(200)
    found = accuracy_difference(counts(30, 18, 200))
    assert (found.value, found.low, found.high) == pytest.approx((0.06, 0.06 - half, 0.06 + half))


@pytest.mark.parametrize(("wins", "losses"), [(3, 9), (12, 12), (0, 5), (0, 0), (24, 0)])
def test_few_discordant_images_get_the_exact_test_with_its_mid_p(wins: int, losses: int) -> None:
    found = mcnemar(counts(wins, losses))
    n = wins + losses
    likelier = [math.comb(n, k) / 2**n for k in range(n + 1)]
    as_far = [k for k in range(n + 1) if abs(k - n / 2) > abs(wins - n / 2)]
    as_seen = [k for k in range(n + 1) if abs(k - n / 2) == abs(wins - n / 2)]
    expected = sum(likelier[k] for k in as_far) + sum(likelier[k] for k in as_seen) / 2
    assert found.p == pytest.approx(expected if n else 1.0)
    assert found.statistic is None


def test_many_discordant_images_get_the_corrected_chi_squared_test() -> None:
    found = mcnemar(counts(40, 22))
    assert found.statistic == pytest.approx((40 - 22 - 1) ** 2 / 62)
    assert found.p == pytest.approx(stats.chi2.sf((40 - 22 - 1) ** 2 / 62, 1))
    assert found.method.startswith("chi-squared")


def test_the_gaps_of_the_bins_give_the_calibration_error_of_any_resample() -> None:
    found = logits(1)
    chosen = np.random.default_rng(0).integers(300, size=300)
    resampled = expected_calibration_error(found.logits[chosen], found.labels[chosen])
    gaps = calibration_gaps(found.logits, found.labels)
    assert np.abs(gaps[chosen].mean(0)).sum() == pytest.approx(resampled, abs=1e-12)


def test_the_bootstrap_of_the_ece_difference_agrees_with_a_plain_loop() -> None:
    first, second = logits(1), logits(2, strength=0.7)
    values = []
    draws = np.random.default_rng(77)
    for _ in range(600):
        i = torch.from_numpy(draws.integers(300, size=300))
        ece = [expected_calibration_error(e.logits[i], e.labels[i]) for e in (first, second)]
        values.append(ece[0] - ece[1])
    gaps = [calibration_gaps(e.logits, e.labels) for e in (first, second)]
    found = ece_difference(*gaps)
    assert found.value == pytest.approx(np.abs(gaps[0].mean(0)).sum() - np.abs(gaps[1].mean(0)).sum())
    width = found.high - found.low
    low, high = np.quantile(values, [0.025, 0.975])
    assert abs(found.low - low) < 0.15 * width
    assert abs(found.high - high) < 0.15 * width


def test_the_confusion_matrix_counts_true_rows_and_predicted_columns() -> None:
    found = logits(3, images=60)
    expected = np.zeros((4, 4), dtype=int)
    for truth, predicted in zip(found.labels, found.logits.argmax(1), strict=True):
        expected[truth, predicted] += 1
    assert (confusion_matrix(found.logits, found.labels) == expected).all()


def test_a_pair_holds_the_numbers_of_its_runs() -> None:
    a, b = run_of(logits(1)), run_of(logits(2, strength=1.0), "norm=none", validation=logits(5, images=80))
    pair = compare_pair(a, b)
    assert pair.a.accuracy.value == a.test.accuracy
    assert pair.a.loss.value == pytest.approx(a.test.loss)
    assert pair.accuracy_difference.value == pytest.approx(a.test.accuracy - b.test.accuracy)
    assert pair.loss_difference.value == pytest.approx(a.test.loss - b.test.loss)
    assert pair.ece_difference.value == pytest.approx(pair.a.calibration.ece - pair.b.calibration.ece)
    assert pair.b.scaling_fitted_on == "80 held-out training images"
    assert pair.b.scaled.nll < pair.b.calibration.nll
    for k in range(4):
        right = (a.test.logits.argmax(1) == a.test.labels)[a.test.labels == k]
        assert pair.a.class_accuracy[k] == pytest.approx(right.double().mean().item())
    differ = a.test.logits.argmax(1) != b.test.logits.argmax(1)
    assert sorted(pair.disagreements) == differ.nonzero().squeeze(1).tolist()
    distances = jensen_shannon_divergence(a.test.logits, b.test.logits)[torch.from_numpy(pair.disagreements)]
    assert (distances[:-1] >= distances[1:]).all()
    assert len(pair.disagreements) == round(pair.agreement.churn * 300)


def mirrored(interval: Interval) -> Interval:
    return Interval(-interval.value, -interval.high, -interval.low)


def assert_same(one: Interval, other: Interval) -> None:
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)


def test_swapping_the_runs_mirrors_the_comparison() -> None:
    a, b = run_of(logits(1)), run_of(logits(2, strength=1.0), "norm=none")
    there, back = compare_pair(a, b), compare_pair(b, a)
    for name in ("accuracy_difference", "loss_difference", "ece_difference"):
        assert_same(getattr(back, name), mirrored(getattr(there, name)))
    assert (there.agreement.wins, there.agreement.losses) == (back.agreement.losses, back.agreement.wins)
    assert there.mcnemar.p == back.mcnemar.p
    assert (there.kl_ab, there.kl_ba) == (back.kl_ba, back.kl_ab)
    assert there.js.mean == pytest.approx(back.js.mean, abs=1e-15)
    assert there.disagreements.tolist() == back.disagreements.tolist()
    assert there.a.calibration.ece == back.b.calibration.ece


def test_a_run_compared_with_itself_has_no_churn() -> None:
    a = run_of(logits(1))
    pair = compare_pair(a, a)
    assert pair.agreement.churn == 0
    assert len(pair.disagreements) == 0
    assert pair.accuracy_difference == Interval(0, 0, 0)
    assert (pair.ece_difference.low, pair.ece_difference.high) == (0, 0)
    assert pair.mcnemar.p == 1
    assert pair.kl_ab.mean == 0
    assert pair.js.p95 == pytest.approx(0, abs=1e-15)


def test_a_class_without_test_images_has_no_accuracy() -> None:
    found = logits(1)
    labels = found.labels.clamp(max=2)
    pair = compare_pair(*[run_of(type(found)(found.logits, labels))] * 2)
    assert math.isnan(pair.a.class_accuracy[3])


def test_runs_that_saw_different_images_are_refused() -> None:
    a = run_of(logits(1))
    with pytest.raises(UserError, match="different datasets, synthetic and mnist"):
        compare_pair(a, run_of(logits(2), dataset="mnist"))
    with pytest.raises(UserError, match="4 and 5 classes"):
        compare_pair(a, run_of(logits(2, classes=5)))
    with pytest.raises(UserError, match=r"different images \(300 and 200"):
        compare_pair(a, run_of(logits(2, images=200)))
    with pytest.raises(UserError, match="different images"):
        compare_pair(a, run_of(logits(2), digest="e" * 64))
