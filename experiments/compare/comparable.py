"""Whether runs can be compared image by image: tested on the same images, with the same classes."""

from collections.abc import Sequence

import torch

from experiments.errors import UserError
from experiments.finished import FinishedRun


def check_comparable(runs: Sequence[FinishedRun]) -> None:
    """Compare the first run's test images with those of the others.

    Raises:
        UserError: one line on the first run that was tested on other images or predicts other classes.
    """
    first = runs[0]
    for other in runs[1:]:
        names = [run.result["dataset"]["name"] for run in (first, other)]
        pair = f"{first.name} and {other.name}"
        if names[0] != names[1]:
            raise UserError(
                f"{pair} were tested on different datasets, {names[0]} and {names[1]}: compare runs of one dataset"
            )
        classes = [run.test.logits.shape[1] for run in (first, other)]
        if classes[0] != classes[1]:
            raise UserError(f"{pair} predict {classes[0]} and {classes[1]} classes: compare runs with the same classes")
        digests = [
            {key: value for key, value in run.result["dataset"]["digests"].items() if key.startswith("test")}
            for run in (first, other)
        ]
        sizes = [len(run.test.labels) for run in (first, other)]
        same = digests[0] == digests[1] and sizes[0] == sizes[1] and torch.equal(first.test.labels, other.test.labels)
        if not same:
            raise UserError(
                f"{pair} were tested on different images ({sizes[0]:,} and {sizes[1]:,} of {names[0]}):"
                " compare runs with the same dataset settings and dataset.test_size"
            )


def class_names(run: FinishedRun) -> tuple[str, ...]:
    """The names of the classes as the run recorded them, or their numbers where it did not."""
    named = run.result["dataset"].get("classes")
    return tuple(named) if named else tuple(str(label) for label in range(run.test.logits.shape[1]))
