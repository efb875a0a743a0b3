"""Calibration, divergence, agreement and temperature, each against an independent computation."""

import math

import numpy as np
import pytest
import torch
from runs_of_logits import logits
from scipy import stats
from scipy.special import softmax
from torchmetrics.functional.classification import multiclass_calibration_error

from experiments.evaluate import Evaluation
from experiments.predictions.agreement import agreement, churn
from experiments.predictions.calibration import (
    brier_scores,
    equal_mass_reliability,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)
from experiments.predictions.divergence import Spread, jensen_shannon_divergence, kl_divergence
from experiments.predictions.temperature import fit_temperature, scale


def probabilities(evaluation: Evaluation) -> np.ndarray:
    return softmax(evaluation.logits.numpy().astype(np.float64), axis=1)


def test_the_calibration_error_is_that_of_a_loop_over_bins_and_of_torchmetrics() -> None:
    found = logits(1)
    p, labels = probabilities(found), found.labels.numpy()
    confidence, right = p.max(1), p.argmax(1) == labels
    total = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert total > 0.01
    ours = expected_calibration_error(found.logits, found.labels)
    assert ours == pytest.approx(total, abs=1e-12)
    theirs = multiclass_calibration_error(found.logits.softmax(1), found.labels, num_classes=4, n_bins=15)
    assert ours == pytest.approx(theirs.item(), abs=1e-6)  # float32


def test_bins_are_closed_on_the_right() -> None:
    """A confidence of exactly one half, an edge of two bins, belongs to the lower one; of exactly one, to the last."""
    sure = torch.tensor([[0.0, 0.0], [80.0, 0.0]], dtype=torch.float64)
    diagram = reliability(sure, torch.tensor([0, 0]), bins=2)
    assert diagram.counts.tolist() == [1, 1]
    assert diagram.confidence.tolist() == [0.5, 1.0]
    assert diagram.accuracy.tolist() == [1.0, 1.0]
    assert diagram.error == pytest.approx(0.25)


def test_equal_mass_bins_hold_equal_numbers_in_the_order_of_confidence() -> None:
    found = logits(2, images=301)
    diagram = equal_mass_reliability(found.logits, found.labels)
    assert diagram.counts.sum() == 301
    assert np.ptp(diagram.counts) == 1
    assert (np.diff(diagram.confidence) > 0).all()
    confidence = probabilities(found).max(1)
    right = probabilities(found).argmax(1) == found.labels.numpy()
    parts = np.array_split(np.argsort(confidence), 15)
    total = sum(len(part) / 301 * abs(right[part].mean() - confidence[part].mean()) for part in parts)
    assert diagram.error == pytest.approx(total, abs=1e-12)


def test_likelihood_and_brier_score_are_those_of_the_probabilities() -> None:
    found = logits(3, images=50)
    p, labels = probabilities(found), found.labels.numpy()
    nll = negative_log_likelihood(found.logits, found.labels)
    np.testing.assert_allclose(nll, -np.log(p[np.arange(50), labels]), atol=1e-12)
    brier = [sum((p[i, k] - (k == labels[i])) ** 2 for k in range(4)) for i in range(50)]
    np.testing.assert_allclose(brier_scores(found.logits, found.labels), brier, atol=1e-12)


def test_divergences_are_scipys() -> None:
    first, second = logits(4, images=40), logits(5, images=40)
    p, q = probabilities(first), probabilities(second)
    np.testing.assert_allclose(kl_divergence(first.logits, second.logits), stats.entropy(p, q, axis=1), atol=1e-12)
    middle = (p + q) / 2
    js = (stats.entropy(p, middle, axis=1) + stats.entropy(q, middle, axis=1)) / 2
    np.testing.assert_allclose(jensen_shannon_divergence(first.logits, second.logits), js, atol=1e-12)


def test_divergences_stay_finite_and_bounded_where_probabilities_vanish() -> None:
    sure, other = torch.tensor([[2000.0, 0.0]]), torch.tensor([[0.0, 2000.0]])
    assert jensen_shannon_divergence(sure, other).item() == pytest.approx(math.log(2))
    assert kl_divergence(sure, other).item() == pytest.approx(2000)
    assert kl_divergence(sure, sure).item() == 0


def test_a_spread_is_mean_median_and_95th_percentile() -> None:
    values = np.random.default_rng(0).exponential(size=101)
    spread = Spread.of(torch.from_numpy(values))
    assert (spread.mean, spread.median) == (pytest.approx(values.mean()), pytest.approx(np.median(values)))
    assert spread.p95 == pytest.approx(np.percentile(values, 95))


def test_agreement_counts_every_image_once() -> None:
    labels = torch.tensor([0, 0, 0, 0, 0, 0])
    a = torch.eye(3)[[0, 0, 1, 1, 1, 0]]
    b = torch.eye(3)[[0, 1, 0, 1, 2, 2]]
    found = agreement(a, b, labels)
    assert (found.both_right, found.wins, found.losses) == (1, 2, 1)
    assert (found.both_wrong_alike, found.both_wrong_differently) == (1, 1)
    assert found.churn == pytest.approx(4 / 6)
    assert found.churn == pytest.approx(churn(a, b))
    assert found.unnecessary_churn == pytest.approx(4 / 6 - 1 / 6)


def test_the_temperature_is_the_best_of_a_fine_grid() -> None:
    found = logits(6, strength=1.0)
    grid = np.exp(np.linspace(-1, 2, 3001))
    losses = [-np.log(softmax(found.logits.numpy() / t, axis=1)[np.arange(300), found.labels]).mean() for t in grid]
    assert fit_temperature(found.logits, found.labels) == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)


def test_scaling_is_fitted_on_the_held_out_images_where_there_are_any() -> None:
    test, validation = logits(7), logits(8, strength=0.5)
    scaled = scale(test, validation)
    assert scaled.temperature == fit_temperature(validation.logits, validation.labels)
    assert scaled.fitted_on == "300 held-out training images"
    torch.testing.assert_close(scaled.logits, test.logits.double() / scaled.temperature)
    assert torch.equal(scaled.logits.argmax(1), test.logits.argmax(1))


def test_without_held_out_images_no_test_image_is_scaled_by_its_own_half() -> None:
    test = logits(9)
    scaled = scale(test, None)
    assert "no training image was held out" in scaled.fitted_on
    factors = (test.logits.double() / scaled.logits).mean(1)
    low, high = factors.min().item(), factors.max().item()
    first = (factors - low).abs() < (factors - high).abs()
    assert first.sum() == 150
    for half, other in ((first, ~first), (~first, first)):
        fitted = fit_temperature(test.logits[other], test.labels[other])
        torch.testing.assert_close(factors[half], torch.full((150,), fitted, dtype=torch.float64), rtol=1e-5, atol=0)
