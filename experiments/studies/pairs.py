"""Numbers of two arms together: the disagreement of their predictions beyond that of two seeds of one arm."""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.finished import read_predictions
from experiments.studies.metric import Pair
from experiments.studies.runs import StudyRun


def pair_values(pair: Pair, runs: Mapping[str, Sequence[StudyRun]]) -> dict[str, float] | None:
    """The excess churn of two arms (measurements of churn: experiments/predictions/agreement.py), by seed.

        excess(A, B) = mean over i ≠ j of  c(A_i, B_j) − ½ [c(A_i, A_j) + c(B_i, B_j)]

    with c the share of test images on which two predictions differ. Pairs of seeds share runs, so that their values are
    not independent: what is returned are the jackknife's pseudo-values n θ − (n − 1) θ₍₋ₛ₎, one a seed, whose mean is
    the estimate and whose spread gives its standard error (Arvesen 1969, Annals of Mathematical Statistics 40).

    None where an arm has fewer than three seeds in common with the other that are finished.
    """
    first, second = ({run.seed: run for run in runs.get(arm, ()) if run.status == "finished"} for arm in pair.arms)
    seeds = sorted(first.keys() & second.keys())
    if len(seeds) < 3:
        return None
    a, b = ([_predicted(arm[seed]) for seed in seeds] for arm in (first, second))
    cross = np.array([[np.mean(one != other) for other in b] for one in a])
    own = np.array([[[np.mean(one != other) for other in arm] for one in arm] for arm in (a, b)]).mean(0)
    excess = (cross + cross.T) / 2 - own  # (n, n), symmetric: i and j exchanged are one pair
    whole = _mean_off_diagonal(excess)
    n = len(seeds)
    left = [_mean_off_diagonal(np.delete(np.delete(excess, place, 0), place, 1)) for place in range(n)]
    return {str(seed): float(n * whole - (n - 1) * without) for seed, without in zip(seeds, left, strict=True)}


def _mean_off_diagonal(square: np.ndarray) -> float:
    n = len(square)
    return float((square.sum() - np.trace(square)) / (n * (n - 1)))


def _predicted(run: StudyRun) -> np.ndarray:
    """The class of each test image, (N,)."""
    test, _ = read_predictions(run.folder, run.result)
    return test.logits.numpy().argmax(1)
