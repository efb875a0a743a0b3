"""Two finished runs compared image by image: two fixed predictors, with the test images as the sample."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.compare.comparable import check_comparable, class_names
from experiments.compare.interval import Interval
from experiments.compare.intervals import (
    McNemar,
    accuracy_difference,
    accuracy_interval,
    calibration_gaps,
    ece_difference,
    mcnemar,
    mean_interval,
)
from experiments.finished import FinishedRun
from experiments.predictions.agreement import Agreement, agreement
from experiments.predictions.calibration import (
    Reliability,
    brier_scores,
    equal_mass_reliability,
    negative_log_likelihood,
    reliability,
)
from experiments.predictions.divergence import Spread, jensen_shannon_divergence, kl_divergence
from experiments.predictions.temperature import scale


@dataclass(frozen=True)
class Calibration:
    """How well probabilities fit frequencies; errors in [0, 1], likelihood in nats, Brier score in [0, 2]."""

    ece: float  # 15 equal-width bins
    ece_equal_mass: float  # 15 bins of equal numbers of images
    nll: float
    brier: float
    reliability: Reliability  # over the equal-width bins

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> "Calibration":
        diagram = reliability(logits, labels)
        return cls(
            ece=diagram.error,
            ece_equal_mass=equal_mass_reliability(logits, labels).error,
            nll=negative_log_likelihood(logits, labels).mean().item(),
            brier=brier_scores(logits, labels).mean().item(),
            reliability=diagram,
        )


@dataclass(frozen=True)
class Side:
    """One run of a pair."""

    name: str
    accuracy: Interval  # Wilson's
    loss: Interval  # of the mean over the images, nats
    calibration: Calibration
    temperature: float
    scaled: Calibration  # after temperature scaling
    scaling_fitted_on: str
    class_accuracy: np.ndarray  # (K,), in [0, 1]; NaN for a class without test images
    confusion: np.ndarray  # int (K, K), rows the true class, columns the predicted one


@dataclass(frozen=True)
class Pair:
    """All numbers of the comparison; differences are A − B."""

    a: Side
    b: Side
    images: int
    classes: tuple[str, ...]
    agreement: Agreement
    accuracy_difference: Interval
    loss_difference: Interval  # paired, nats
    ece_difference: Interval  # bootstrap over the images
    mcnemar: McNemar
    kl_ab: Spread  # KL(p_A ‖ p_B), nats
    kl_ba: Spread
    js: Spread
    disagreements: np.ndarray  # test images on which the predictions differ, the largest JS divergence first


def compare_pair(a: FinishedRun, b: FinishedRun) -> Pair:
    """Compare two runs; swapping them mirrors every number.

    Raises:
        UserError: when they were not tested on the same images.
    """
    check_comparable([a, b])
    x, y, labels = a.test.logits, b.test.logits, a.test.labels
    found = agreement(x, y, labels)
    divergence = jensen_shannon_divergence(x, y)
    differ = (x.argmax(1) != y.argmax(1)).nonzero().squeeze(1)
    order = torch.argsort(divergence[differ], descending=True, stable=True)
    return Pair(
        a=_side(a),
        b=_side(b),
        images=len(labels),
        classes=class_names(a),
        agreement=found,
        accuracy_difference=accuracy_difference(found),
        loss_difference=mean_interval(negative_log_likelihood(x, labels) - negative_log_likelihood(y, labels)),
        ece_difference=ece_difference(calibration_gaps(x, labels), calibration_gaps(y, labels)),
        mcnemar=mcnemar(found),
        kl_ab=Spread.of(kl_divergence(x, y)),
        kl_ba=Spread.of(kl_divergence(y, x)),
        js=Spread.of(divergence),
        disagreements=differ[order].numpy(),
    )


def _side(run: FinishedRun) -> Side:
    logits, labels = run.test.logits, run.test.labels
    scaled = scale(run.test, run.validation)
    confusion = confusion_matrix(logits, labels)
    counts = confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):  # a class without test images has no accuracy
        class_accuracy = np.diag(confusion) / counts
    return Side(
        name=run.name,
        accuracy=accuracy_interval(int(np.trace(confusion)), len(labels)),
        loss=mean_interval(negative_log_likelihood(logits, labels)),
        calibration=Calibration.of(logits, labels),
        temperature=scaled.temperature,
        scaled=Calibration.of(scaled.logits, labels),
        scaling_fitted_on=scaled.fitted_on,
        class_accuracy=class_accuracy,
        confusion=confusion,
    )


def confusion_matrix(logits: Tensor, labels: Tensor) -> np.ndarray:
    """Counts (K, K) of logits (N, K) and labels (N,): rows the true class, columns the predicted one."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix  # takes seconds to import

    classes = logits.shape[1]
    return multiclass_confusion_matrix(logits.argmax(1), labels, num_classes=classes).numpy()
