"""From the raw slices of a case to rates and ratios: medians over rounds, with the smallest and the largest."""

import statistics
from collections.abc import Sequence
from typing import Any

Slices = dict[str, list[dict[str, float]]]
Spread = dict[str, float]  # median, min, max

FORMS = ("eager", "compiled")


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(upper: Sequence[float], lower: Sequence[float]) -> Spread:
    """The ratio of the medians, and the smallest and largest ratio of one round."""
    rounds = [one / other for one, other in zip(upper, lower, strict=True)]
    return {"median": statistics.median(upper) / statistics.median(lower), "min": min(rounds), "max": max(rounds)}


def rates(case: dict[str, Any], slices: Slices, flops: dict[str, float] | None) -> dict[str, list[float]]:
    """Images a second of each contender in each round.

    `*_epoch` are training images by the seconds of the whole epoch, evaluations included, in `usual_epoch` those of
    the usual way (the test images once), in `usual_alike` and `bare_epoch` those of normlab's epoch.

    Args:
        case: with batch_size, steps, num_train, num_test and precision.
        slices: of normlab, usual, bare and machine; any may be missing.
        flops: operations an image, `training` and `forward`.
    """
    images, found = case["num_train"], {}
    if normlab := slices.get("normlab"):
        found["normlab"] = [images / one["training"] for one in normlab]
        found["normlab_epoch"] = [images / one["seconds"] for one in normlab]
    if usual := slices.get("usual"):
        found["usual"] = [images / one["training"] for one in usual]
        found["usual_epoch"] = [images / (one["training"] + one["test"]) for one in usual]
        found["usual_alike"] = [images / (one["training"] + one["test"] + one["others"]) for one in usual]
    if bare := slices.get("bare"):
        for form in FORMS:
            if f"step_{form}" in bare[0]:
                found[f"bare_{form}"] = [case["batch_size"] / one[f"step_{form}"] for one in bare]
        for form in (*FORMS, "folded"):
            if f"forward_{form}" in bare[0]:
                found[f"evaluation_{form}"] = [1 / one[f"forward_{form}"] for one in bare]
        step, forward = fastest(bare, "step"), fastest(bare, "forward")
        found["bare"] = [case["batch_size"] / one[step] for one in bare]
        # The test images in two modes, and as many training images.
        evaluated = 3 * case["num_test"]
        found["bare_epoch"] = [images / (case["steps"] * one[step] + evaluated * one[forward]) for one in bare]
    if (machine := slices.get("machine")) and flops:
        found["limit"] = [one[case["precision"]] / flops["training"] for one in machine]
    return found


def fastest(bare: list[dict[str, float]], what: str) -> str:
    """The form of `step` or `forward` with the smallest median, as it is called in a slice."""
    names = [f"{what}_{form}" for form in FORMS if f"{what}_{form}" in bare[0]]
    return min(names, key=lambda name: statistics.median(one[name] for one in bare))


RATIOS = {
    "training / usual": ("normlab", "usual"),
    "training / bare": ("normlab", "bare"),
    "training / limit": ("normlab", "limit"),
    "epoch / usual": ("normlab_epoch", "usual_alike"),
    "epoch / bare": ("normlab_epoch", "bare_epoch"),
}


def ratios(found: dict[str, list[float]]) -> dict[str, Spread]:
    """Each of RATIOS whose two sides were measured."""
    return {
        name: ratio(found[upper], found[lower])
        for name, (upper, lower) in RATIOS.items()
        if upper in found and lower in found
    }


def evaluation_share(slices: Slices) -> Spread:
    """Evaluation's share of the seconds of normlab's epoch."""
    return ratio([one["evaluation"] for one in slices["normlab"]], [one["seconds"] for one in slices["normlab"]])


def rest_share(slices: Slices) -> Spread:
    """The share of records, checkpoint and all else that is neither training nor evaluation."""
    rest = [one["seconds"] - one["training"] - one["evaluation"] for one in slices["normlab"]]
    return ratio(rest, [one["seconds"] for one in slices["normlab"]])
