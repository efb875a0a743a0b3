"""Two groups of finished runs, the seeds of two configurations: two methods, with the seeds as the yardstick."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.compare.comparable import check_comparable, class_names
from experiments.compare.intervals import calibration_gaps
from experiments.compare.seeds import Churn, Difference, Metrics, churn_beyond_seeds, crossed_bootstrap, difference
from experiments.errors import UserError
from experiments.finished import FinishedRun
from experiments.predictions.calibration import negative_log_likelihood

# Columns of a run: right (0 or 1), loss, and the gaps of the bins of confidence.
METRICS: Metrics = {
    "accuracy": lambda means: means[..., 0],
    "loss": lambda means: means[..., 1],
    "ece": lambda means: np.abs(means[..., 2:]).sum(-1),
}


@dataclass(frozen=True)
class Group:
    """The runs of one configuration; the metrics hold a value a run."""

    name: str  # of the configuration
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    accuracy: np.ndarray  # in [0, 1]
    loss: np.ndarray  # nats
    ece: np.ndarray  # in [0, 1]


@dataclass(frozen=True)
class Groups:
    """All numbers of the comparison; differences are A − B."""

    a: Group
    b: Group
    images: int
    classes: tuple[str, ...]
    churn: Churn
    accuracy: Difference
    loss: Difference
    ece: Difference


def compare_groups(a: Sequence[FinishedRun], b: Sequence[FinishedRun]) -> Groups:
    """Compare the runs of two configurations; swapping them mirrors every number.

    Raises:
        UserError: when a group holds fewer than two runs, several configurations, or two runs of one seed, when both
            hold the same configuration, or when not all runs were tested on the same images.
    """
    for letter, runs in (("A", a), ("B", b)):
        _check_group(letter, runs)
    if a[0].group == b[0].group:
        raise UserError(f"both groups are seeds of {a[0].group}: name two configurations")
    check_comparable([*a, *b])
    a, b = (sorted(runs, key=lambda run: run.seed) for runs in (a, b))
    columns_a, columns_b = _columns(a), _columns(b)
    group_a, group_b = _group(a, columns_a), _group(b, columns_b)
    bootstrap = crossed_bootstrap(columns_a, columns_b, METRICS, (group_a.name, group_b.name))
    return Groups(
        a=group_a,
        b=group_b,
        images=columns_a.shape[1],
        classes=class_names(a[0]),
        churn=churn_beyond_seeds(_predicted(a), _predicted(b), group_a.seeds, group_b.seeds),
        accuracy=difference(group_a.accuracy, group_b.accuracy, bootstrap["accuracy"]),
        loss=difference(group_a.loss, group_b.loss, bootstrap["loss"]),
        ece=difference(group_a.ece, group_b.ece, bootstrap["ece"]),
    )


def _check_group(letter: str, runs: Sequence[FinishedRun]) -> None:
    if len(runs) < 2:
        raise UserError(f"group {letter} holds {len(runs)} run: seed noise needs at least two seeds in each group")
    for run in runs[1:]:
        if run.group != runs[0].group:
            raise UserError(
                f"group {letter} holds runs of different settings, {runs[0].name} and {run.name}:"
                " a group is the seeds of one configuration"
            )
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise UserError(f"group {letter} holds two runs of one seed ({sorted(seeds)}): name each run once")


def _predicted(runs: Sequence[FinishedRun]) -> np.ndarray:
    """The predicted classes (n, N)."""
    return np.stack([run.test.logits.argmax(1).numpy() for run in runs])


def _columns(runs: Sequence[FinishedRun]) -> np.ndarray:
    """What the metrics need of each image of each run, float64 (n, N, C)."""
    found = []
    for run in runs:
        logits, labels = run.test.logits, run.test.labels
        right = (logits.argmax(1) == labels).double().numpy()
        loss = negative_log_likelihood(logits, labels).numpy()
        found.append(np.concatenate([right[:, None], loss[:, None], calibration_gaps(logits, labels)], axis=1))
    return np.stack(found)


def _group(runs: Sequence[FinishedRun], columns: np.ndarray) -> Group:
    values = {name: metric(columns.mean(1)) for name, metric in METRICS.items()}
    return Group(runs[0].group, tuple(run.name for run in runs), tuple(run.seed for run in runs), **values)
