"""Train against eval while training: M1, M2 and M3, and each layer's distance of running from precise statistics.

    modes/running/…    M1, the running statistics
    modes/precise/…    M2, precise statistics over up to 10,000 training images (experiments/inference/precise.py)
    modes/batch/…      M3, the statistics of test batches of the training batch size, one shuffle
    modes/distance/<layer>/mean, …/variance    see experiments/inference/distance.py

`accuracy` in [0, 1] and `loss` in nats, on the test images. A network without running statistics has M1 alone.
"""

import logging

from torch import nn

from data.split_images import SplitImages
from experiments.inference.batch_bound import batch_bound_layers
from experiments.inference.distance import distances
from experiments.inference.modes import Mode, predict_fixed, predict_mode
from experiments.inference.precise import (
    IMAGES,
    precise_batches,
    precise_statistics,
    running_layers,
    using_statistics,
)
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves

log = logging.getLogger("normlab")

KINDS = ("running", "precise", "batch")
CHARTS = (
    Curves(
        name="modes_accuracy",
        title="Test accuracy by the statistics that are used",
        label="test accuracy (share)",
        metrics={kind: f"modes/{kind}/accuracy" for kind in KINDS},
    ),
    Curves(
        name="modes_loss",
        title="Test loss by the statistics that are used",
        label="test loss (nats)",
        log=True,
        metrics={kind: f"modes/{kind}/loss" for kind in KINDS},
    ),
)
OVERLAYS = {
    "inference modes, on the test images": {
        measure: ["Multiline", [f"modes/{kind}/{measure}" for kind in KINDS]] for measure in ("accuracy", "loss")
    }
}


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    if batch_bound_layers(model):
        log.info("probe modes: predictions of this network depend on the batch in every mode: recorded as running")
    elif not running_layers(model):
        log.info("probe modes: this network has no running statistics, so all modes are one: recorded as running")
    return Modes(model, surroundings)


class Modes(Probe):
    """Evaluations of the test images, which an epoch's end has made already but for the precise one."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        images = min(IMAGES, len(surroundings.splits["train"])) + len(surroundings.splits["test"])
        self.steps = surroundings.steps_worth(forward=images if running_layers(model) else 0)

    def measure(self, live: Live) -> Measured:
        model, around = live.state.model, live.surroundings
        test, train, settings = around.splits["test"], around.splits["train"], around.settings
        values = _running(live, test)
        if not running_layers(model):
            return Measured(values)
        batches = precise_batches(train, IMAGES, settings.batch_size, around.augmentation)
        precise = precise_statistics(model, batches, settings.precision)
        with using_statistics(model, precise):
            found = predict_fixed(model, test, settings.precision, _silent)
        values |= {"modes/precise/accuracy": found.accuracy, "modes/precise/loss": found.loss}
        values |= _batch(live, test)
        for name, distance in distances(model, precise).items():
            for moment in ("mean", "variance"):
                values[f"modes/distance/{name}/{moment}"] = distance[moment]
        return Measured(values)


def _running(live: Live, test: SplitImages) -> dict[str, float]:
    """M1, which an epoch's evaluation has found already."""
    if live.scores is not None:
        curves = live.scores.curves
        return {f"modes/running/{measure}": curves[f"eval_mode/{measure}"] for measure in ("accuracy", "loss")}
    settings = live.surroundings.settings
    found = predict_fixed(live.state.model, test, settings.precision, _silent, settings.evaluation_batch_size)
    return {"modes/running/accuracy": found.accuracy, "modes/running/loss": found.loss}


def _batch(live: Live, test: SplitImages) -> dict[str, float]:
    """M3 on the shuffle of `train_mode/…`; nothing for a single test image, which has no batch statistics."""
    if live.scores is not None:
        curves = live.scores.curves
        return {
            f"modes/batch/{measure}": curves[f"train_mode/{measure}"]
            for measure in ("accuracy", "loss")
            if f"train_mode/{measure}" in curves
        }
    if len(test) < 2:
        return {}
    settings = live.surroundings.settings
    # images are never taken alone, as in experiments/scores.py
    mode = Mode("batch", max(settings.batch_size, 2))
    found = predict_mode(live.state.model, test, mode, 0, settings.precision, _silent)
    return {"modes/batch/accuracy": found.accuracy, "modes/batch/loss": found.loss}


def _silent(images: int) -> None:
    """No bar: the run has one of its own."""
