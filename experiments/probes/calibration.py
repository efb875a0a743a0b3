"""Whether the network is as often right as it is sure, on the test images, before and after temperature scaling.

    calibration/ece           calibration error Σ |B_m|/n · |acc − conf| over 15 equal-width bins of confidence, from 0
                              to 1; a perfectly calibrated network of 92 % has about 0.006 on 10,000 images, more on
                              fewer: compare at equal numbers of images alone
    calibration/nll           mean of −ln p(label), nats
    calibration/ece_scaled    the same of the logits divided by the temperature
    calibration/nll_scaled    the same of the logits divided by the temperature
    calibration/temperature   the number by which dividing the logits makes the mean of −ln p(label) smallest on the
                              held-out training images (0.02 to 50); above 1 the network is too sure of itself

In evaluation mode. Needs held-out training images, on which nothing else depends: dataset.validation=0.1. NaN stands
where a logit is no finite number.

Cost: a forward pass of the test and of the held-out images, none at the end of an epoch, which has made it already.

Source: Guo et al. 2017, arXiv 1706.04599, §2 (equation 3) and §4.2.
"""

import math
from collections.abc import Mapping

from torch import nn

from data.batches import evaluation_batches
from data.split_images import SplitImages
from experiments.errors import UserError
from experiments.evaluate import Evaluation, evaluation_mode, predict
from experiments.predictions.calibration import expected_calibration_error, negative_log_likelihood
from experiments.predictions.temperature import scale
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves

CHARTS = (
    Curves(
        name="calibration_error",
        title="Calibration error",
        label="expected calibration error (share)",
        metrics={"as it is": "calibration/ece", "scaled": "calibration/ece_scaled"},
    ),
    Curves(
        name="calibration_nll",
        title="Loss on the test images",
        label="−ln p(label) (nats)",
        log=True,
        metrics={"as it is": "calibration/nll", "scaled": "calibration/nll_scaled"},
    ),
)


def require_splits(splits: Mapping[str, SplitImages]) -> None:
    """Raise UserError where no training images are held out."""
    if "validation" not in splits:
        raise UserError(
            "probes=[calibration] fits a temperature on held-out training images, and this run holds none out: "
            "set dataset.validation=0.1"
        )


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    images = sum(len(surroundings.splits[split]) for split in ("test", "validation"))
    return Calibration(surroundings.steps_worth(forward=images))


class Calibration(Probe):
    """Predictions on two splits."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live: Live) -> Measured:
        test, validation = (_predictions(live, split) for split in ("test", "validation"))
        return Measured({f"calibration/{name}": value for name, value in _numbers(test, validation).items()})


def _predictions(live: Live, split: str) -> Evaluation:
    """In evaluation mode; those of the epoch's end where this is one."""
    if live.scores is not None:
        return live.scores.splits[split]
    model, settings = live.state.model, live.surroundings.settings
    with evaluation_mode(model):
        batches = evaluation_batches(live.surroundings.splits[split], settings.evaluation_batch_size)
        return predict(model, batches, settings.precision)


def _numbers(test: Evaluation, validation: Evaluation) -> dict[str, float]:
    if not (test.logits.isfinite().all() and validation.logits.isfinite().all()):
        return dict.fromkeys(("ece", "nll", "ece_scaled", "nll_scaled", "temperature"), math.nan)
    scaled = scale(test, validation)
    found = {}
    for suffix, logits in (("", test.logits), ("_scaled", scaled.logits)):
        found[f"ece{suffix}"] = expected_calibration_error(logits, test.labels)
        found[f"nll{suffix}"] = negative_log_likelihood(logits, test.labels).mean().item()
    return found | {"temperature": scaled.temperature}
