"""Statistics over seeds and images: arms A and B are samples of runs, all tested on the same images."""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from experiments.compare.interval import LEVEL, Interval

RESAMPLES = 2000
AT_ONCE = 100  # resamples held in memory together
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)

Metrics = dict[str, Callable[[np.ndarray], np.ndarray]]
"""Named metrics of a run, each a function of the means over the images of the run's columns, (..., C) to (...)."""


@dataclass(frozen=True)
class Difference:
    """A metric in two arms; the difference is A − B, of the arms' means.

    welch: Welch's t interval over the seeds: the methods, on these very test images.
    crossed_bootstrap: percentile interval with both seeds and images drawn anew. Percentile intervals are too narrow
    with few seeds (they hold the truth in 78 % of cases at three seeds and 88 % at five, instead of 95 %).
    """

    a_mean: float
    a_sd: float  # over the seeds, with n − 1
    b_mean: float
    b_sd: float
    welch: Interval
    df: float
    p: float  # two-sided, of equal means
    crossed_bootstrap: Interval


def difference(a: np.ndarray, b: np.ndarray, crossed_bootstrap: Interval) -> Difference:
    """Compare a metric's values a (n_A,) and b (n_B,), one a run."""
    interval, df, p = welch(a, b)
    return Difference(
        a_mean=float(a.mean()),
        a_sd=float(a.std(ddof=1)),
        b_mean=float(b.mean()),
        b_sd=float(b.std(ddof=1)),
        welch=interval,
        df=df,
        p=p,
        crossed_bootstrap=crossed_bootstrap,
    )


def welch(a: np.ndarray, b: np.ndarray) -> tuple[Interval, float, float]:
    """Welch's t interval of mean(a) − mean(b), its degrees of freedom and the two-sided p of equal means (Welch 1947).

    Arms without any spread have no t statistic: the interval is then the difference alone.
    """
    value = float(a.mean() - b.mean())
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return Interval(value, value, value), math.inf, float(value == 0)
    test = stats.ttest_ind(a, b, equal_var=False)
    ends = test.confidence_interval(LEVEL)
    return Interval(value, float(ends.low), float(ends.high)), float(test.df), float(test.pvalue)


def crossed_bootstrap(
    a: np.ndarray, b: np.ndarray, metrics: Metrics, names: tuple[str, str], resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Percentile intervals of the difference A − B of each metric, seeds of either arm and images drawn with
    replacement, independently of each other (Owen 2007, Annals of Applied Statistics 1(2), the pigeonhole bootstrap).

    Args:
        a, b: the runs' columns, float64 (n, N, C): of each run, image and column a number.
        names: of the arms. An arm's draws follow from its name, so that swapping the arms mirrors the intervals.
    """
    images = a.shape[1]
    draws = np.random.default_rng(0)
    chosen = [_drawn_runs(len(arm), name, resamples) for arm, name in zip((a, b), names, strict=True)]
    found: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    for start in range(0, resamples, AT_ONCE):
        count = min(AT_ONCE, resamples - start)
        weights = draws.multinomial(images, np.full(images, 1 / images), size=count) / images  # (R, N)
        means = [np.einsum("rn,knc->rkc", weights, arm, optimize=True) for arm in (a, b)]
        for name, metric in metrics.items():
            values = [metric(mean) for mean in means]  # (R, n) each
            arms = [
                np.take_along_axis(value, runs[start : start + count], axis=1).mean(1)
                for value, runs in zip(values, chosen, strict=True)
            ]
            found[name].append(arms[0] - arms[1])
    intervals = {}
    for name, metric in metrics.items():
        low, high = np.quantile(np.concatenate(found[name]), TAILS)
        value = float(metric(a.mean(1)).mean() - metric(b.mean(1)).mean())
        intervals[name] = Interval(value, float(low), float(high))
    return intervals


def _drawn_runs(runs: int, name: str, resamples: int) -> np.ndarray:
    """Indices (R, n) of the runs drawn for an arm."""
    return np.random.default_rng(zlib.crc32(name.encode())).integers(runs, size=(resamples, runs))


@dataclass(frozen=True)
class Churn:
    """How often runs disagree, as shares of the images.

    matrix: between all runs, (R, R), A's runs first. within_a, within_b: the mean over pairs of runs of one arm.
    between: the mean over pairs of a run of A and one of B with different seeds.
    excess: between − ½ (within_a + within_b), the churn that is not mere seed noise.
    """

    matrix: np.ndarray
    within_a: float
    within_b: float
    between: float
    excess: Interval


def churn_beyond_seeds(a: np.ndarray, b: np.ndarray, seeds_a: Sequence[int], seeds_b: Sequence[int]) -> Churn:
    """Compare predicted classes a (n_A, N) and b (n_B, N) of runs with different seeds, at least two in each arm.

    With p_A(x) the distribution over seeds of the class that A predicts for image x, the excess estimates
    ½ E‖p_A(x) − p_B(x)‖²: zero exactly when the seeds of A and of B are spread over the same predictions. Runs of one
    seed share initial weights and the order of images, which makes them agree more: A_i is never compared with the
    B_j of its seed.

    The 95 % interval is a t interval whose variance has three parts: of either arm, the variance over its runs of
    (mean churn with the other arm − mean churn with its own arm), divided by the number of runs, which is the first
    term of the Hoeffding decomposition of a U statistic (Hoeffding 1948), and of the images, the variance of the
    excess on each, divided by their number. The degrees of freedom are Satterthwaite's.
    """
    predictions = np.concatenate([a, b])
    differ = predictions[:, None, :] != predictions[None, :, :]  # (R, R, N)
    matrix = differ.mean(2)
    arms, seeds = np.repeat([0, 1], [len(a), len(b)]), np.array([*seeds_a, *seeds_b])
    own = (arms[:, None] == arms) & ~np.eye(len(arms), dtype=bool)  # pairs of one arm, (R, R)
    other = (arms[:, None] != arms) & (seeds[:, None] != seeds)  # pairs of both arms
    within_a, within_b = (matrix[own & (arms == arm)].mean() for arm in (0, 1))
    between = matrix[other].mean()

    terms = []  # variances with their degrees of freedom
    for arm, size in ((0, len(a)), (1, len(b))):
        runs = np.flatnonzero(arms == arm)
        pulls = [matrix[run, other[run]].mean() - matrix[run, own[run]].mean() for run in runs]
        terms.append((float(np.var(pulls, ddof=1)) / size, size - 1))
    of_arms = [differ[own & (arms == arm)].mean(0) for arm in (0, 1)]
    per_image = differ[other].mean(0) - (of_arms[0] + of_arms[1]) / 2  # (N,), whose mean is the excess
    images = len(per_image)
    if images > 1:
        terms.append((float(np.var(per_image, ddof=1)) / images, images - 1))
    excess = _t_interval(float(between - (within_a + within_b) / 2), terms)
    return Churn(matrix, float(within_a), float(within_b), float(between), excess)


def _t_interval(value: float, terms: list[tuple[float, int]]) -> Interval:
    """From independent variances with their degrees of freedom (Satterthwaite 1946)."""
    variance = sum(term for term, _ in terms)
    if variance == 0:
        return Interval(value, value, value)
    df = variance**2 / sum(term**2 / freedom for term, freedom in terms)
    half = float(stats.t.ppf(TAILS[1], df)) * math.sqrt(variance)
    return Interval(value, value - half, value + half)
