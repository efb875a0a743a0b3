"""Intervals and tests for fixed predictors on the same N images; the images are the sample, not the seeds."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_table
from statsmodels.stats.proportion import proportion_confint
from torch import Tensor

from experiments.compare.interval import LEVEL, Interval
from experiments.predictions.agreement import Agreement
from experiments.predictions.calibration import BINS, bin_of, confidences

EXACT_BELOW = 25  # discordant images
RESAMPLES = 2000


@dataclass(frozen=True)
class McNemar:
    """Test of equal accuracy of two fixed predictors from the images on which only one is right.

    b: only A is right; c: only B. The statistic is None for the exact test.
    """

    b: int
    c: int
    statistic: float | None
    p: float
    method: str


def accuracy_interval(right: int, images: int) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927)."""
    low, high = proportion_confint(right, images, alpha=1 - LEVEL, method="wilson")
    return Interval(right / images, float(low), float(high))


def mean_interval(values: Tensor) -> Interval:
    """Student's t interval of the mean of values (N,), such as the losses of N images or their paired differences."""
    sample = values.double().numpy()
    mean = float(sample.mean())
    if len(sample) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(stats.sem(sample) * stats.t.ppf((1 + LEVEL) / 2, len(sample) - 1))
    return Interval(mean, mean - half, mean + half)


def accuracy_difference(found: Agreement) -> Interval:
    """Accuracy of A minus that of B on the same images, by the normal approximation for paired proportions:

    [(b − c) ± z √(b + c − (b − c)²/N)] / N, with b and c the images on which only A, only B is right.
    """
    b, c, images = found.wins, found.losses, found.images
    half = stats.norm.ppf((1 + LEVEL) / 2) * math.sqrt(b + c - (b - c) ** 2 / images)
    return Interval((b - c) / images, (b - c - half) / images, (b - c + half) / images)


def mcnemar(found: Agreement) -> McNemar:
    """McNemar's test: (|b − c| − 1)² / (b + c) against χ²₁; with b + c < 25 the exact binomial test with its mid-p.

    The mid-p value is the probability of a more uneven split plus half of that of as uneven a one, with
    b ~ Binomial(b + c, ½): 2 P(X ≤ k) − P(X = k) with k = min(b, c), or 1 − ½ P(X = k) where b = c
    (Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91). Without discordant images p is 1.
    """
    b, c = found.wins, found.losses
    if b + c < EXACT_BELOW:
        k, law = min(b, c), stats.binom(b + c, 0.5)
        p = 2 * law.cdf(k) - law.pmf(k) if b != c else 1 - law.pmf(k) / 2
        return McNemar(b, c, None, float(p) if b + c else 1.0, "exact binomial, mid-p")
    table = [[found.both_right, b], [c, found.images - found.both_right - b - c]]
    test = mcnemar_table(table, exact=False, correction=True)
    return McNemar(b, c, float(test.statistic), float(test.pvalue), "chi-squared with continuity correction")


def calibration_gaps(logits: Tensor, labels: Tensor) -> np.ndarray:
    """float64 (N, B): for each image, right − confidence in the column of its bin of confidence, zero elsewhere.

    ECE = Σ_m |mean over all images of column m|, so that resampled images give a resampled ECE.
    """
    confidence, right = confidences(logits, labels)
    gaps = np.zeros((len(confidence), BINS))
    gaps[np.arange(len(confidence)), bin_of(confidence)] = right - confidence
    return gaps


def ece_difference(a: np.ndarray, b: np.ndarray) -> Interval:
    """ECE of A minus that of B on the same images, from their `calibration_gaps`, with a percentile bootstrap over
    the images: one resample serves both. The resamples are the same at each call.
    """
    both = np.concatenate([a, b], axis=1)  # (N, 2B)
    images, bins = len(a), a.shape[1]

    def difference(means: np.ndarray) -> np.ndarray:
        return np.abs(means[..., :bins]).sum(-1) - np.abs(means[..., bins:]).sum(-1)

    draws = np.random.default_rng(0)
    resampled = [
        difference(draws.multinomial(images, np.full(images, 1 / images)) @ both / images) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(difference(both.mean(0))), float(low), float(high))
