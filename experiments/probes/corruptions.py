"""Errors on corrupted test images, and on the same with running statistics estimated on these images themselves.

Six corruptions of five severities each (data/corruptions.py) of at most 1,000 test images, classes balanced, always the
same; errors are shares of wrong predictions in evaluation mode, from 0 to 1.

    corruptions/clean_error                      on the images as they are
    corruptions/error/<corruption>               mean over the severities; <corruption> is gaussian_noise, blur,
                                                 contrast, brightness, pixelate or jpeg
    corruptions/error                            mean over the corruptions
    corruptions/rise                             error − clean_error
    corruptions/reestimated_error/<corruption>   as error, with the running statistics replaced, for each corruption and
                                                 severity, by the precise ones of these 1,000 corrupted images
                                                 (transductive: each prediction depends on all images)
    corruptions/reestimated_error                mean over the corruptions
    corruptions/recovered                        error − reestimated_error

Statistics are re-estimated without labels and without training, in batches of the training batch size, dropout off. For
a network without running statistics there are none to replace: the two errors are one number.

Cost: 31 forward passes of the images, and 60 more where there are running statistics.

Sources: Hendrycks & Dietterich 2019, arXiv 1903.12261 (corruptions; ours are fewer, and errors are not divided by
another network's); Schneider et al. 2020, arXiv 2006.16971 (re-estimated statistics).
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from data.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from data.split_images import SplitImages
from experiments.errors import UserError
from experiments.evaluate import evaluation_mode, even_parts, predict
from experiments.inference.precise import precise_statistics, running_layers, using_statistics
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves
from models.sequence import holds_codes

IMAGES = 1000
CHARTS = (
    Curves(
        name="corruptions",
        title="Errors on corrupted test images",
        label="share of wrong predictions",
        metrics={
            "clean": "corruptions/clean_error",
            "corrupted": "corruptions/error",
            "corrupted, statistics re-estimated": "corruptions/reestimated_error",
        },
    ),
)


def require_splits(splits: Mapping[str, SplitImages]) -> None:
    """Raise UserError where the images are codes of characters: brighter or blurred, they are other characters."""
    if holds_codes(splits["test"].image_shape):
        raise UserError(
            "probes=[corruptions] corrupts pictures, and the images of this dataset are sequences of codes: "
            "choose another probe, or a dataset of pictures"
        )


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    kinds = len(CORRUPTIONS) * len(SEVERITIES)
    passes = 1 + (3 if running_layers(model) else 1) * kinds
    images = min(IMAGES, len(surroundings.splits["test"]))
    return Corruptions(surroundings.steps_worth(forward=passes * images))


class Corruptions(Probe):
    """Evaluations of corrupted images."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live: Live) -> Measured:
        test = live.surroundings.splits["test"]
        indices = live.surroundings.fixed_indices("test", IMAGES)
        clean, labels = test.pixels(indices), test.labels[indices]
        clean_error = _error(live, clean, labels)
        found: dict[str, dict[str, float]] = {"error": {}, "reestimated_error": {}}
        for name in CORRUPTIONS:
            pairs = []
            for severity in SEVERITIES:
                pixels = torch.from_numpy(corrupted(name, clean.cpu().numpy(), severity)).to(clean.device)
                pairs.append(_errors(live, pixels, labels))
            for key, errors in zip(found, zip(*pairs, strict=True), strict=True):
                found[key][name] = sum(errors) / len(errors)
        error, reestimated = (sum(errors.values()) / len(errors) for errors in found.values())
        values = {
            "corruptions/clean_error": clean_error,
            "corruptions/error": error,
            "corruptions/rise": error - clean_error,
            "corruptions/reestimated_error": reestimated,
            "corruptions/recovered": error - reestimated,
        }
        return Measured(
            values | {f"corruptions/{key}/{name}": one for key, each in found.items() for name, one in each.items()}
        )


def _errors(live: Live, pixels: Tensor, labels: Tensor) -> tuple[float, float]:
    """With the running statistics as they are, and re-estimated on these images."""
    model, settings = live.state.model, live.surroundings.settings
    error = _error(live, pixels, labels)
    if not running_layers(model) or len(labels) < 2:  # one image alone has no batch statistics
        return error, error
    found = precise_statistics(model, _batches(live, pixels, labels, settings.batch_size), settings.precision)
    with using_statistics(model, found):
        return error, _error(live, pixels, labels)


def _error(live: Live, pixels: Tensor, labels: Tensor) -> float:
    model, settings = live.state.model, live.surroundings.settings
    with evaluation_mode(model):
        batches = _batches(live, pixels, labels, settings.evaluation_batch_size)
        return 1 - predict(model, batches, settings.precision).accuracy


def _batches(live: Live, pixels: Tensor, labels: Tensor, largest: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and labels in even batches, none of one image unless there is but one."""
    everything = torch.arange(len(labels), device=labels.device)
    parts = even_parts(everything, largest) if len(labels) > 1 else (everything,)
    for part in parts:
        yield live.surroundings.splits["test"].scaled(pixels[part]), labels[part]
