"""Temperature scaling: one number by which all logits are divided, fitted on images that are not scored with it.

Guo et al. 2017, arXiv 1706.04599, §4.2. Dividing by T > 0 changes no prediction.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from experiments.evaluate import Evaluation
from experiments.predictions.calibration import negative_log_likelihood

LIMITS = (0.02, 50.0)  # of T; a network without a single mistake on the fitted images wants T = 0


@dataclass(frozen=True)
class Scaled:
    """Test logits divided by the fitted temperature.

    temperature: T; the geometric mean of two where each half of the images was scaled by the other's.
    fitted_on: in words, which images T was fitted on.
    """

    logits: Tensor
    temperature: float
    fitted_on: str


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T in `LIMITS` that minimizes the mean of −ln softmax(z/T)[label] over logits (N, K) and labels (N,)."""

    def loss(log_t: float) -> float:
        return negative_log_likelihood(logits.double() / np.exp(log_t), labels).mean().item()

    found = minimize_scalar(loss, bounds=tuple(np.log(LIMITS)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def scale(test: Evaluation, validation: Evaluation | None) -> Scaled:
    """Scale the test logits by a temperature fitted on the held-out training images.

    Where a run held none out, the test images are cut in two halves at random (always the same), and each half is
    scaled by the temperature of the other, so that no image is scored with a temperature that it helped to choose.
    """
    if validation is not None:
        temperature = fit_temperature(validation.logits, validation.labels)
        images = f"{len(validation.labels):,} held-out training images"
        return Scaled(test.logits.double() / temperature, temperature, images)
    order = np.argsort(np.random.PCG64(0).random_raw(len(test.labels)), kind="stable")
    halves = [torch.from_numpy(half) for half in np.array_split(order, 2)]
    if not len(halves[1]):
        return Scaled(test.logits.double(), 1.0, "nothing: a single test image has no other half")
    scaled = test.logits.double().clone()
    temperatures = []
    for half, other in (halves, halves[::-1]):
        temperatures.append(fit_temperature(test.logits[other], test.labels[other]))
        scaled[half] /= temperatures[-1]
    words = "the other half of the test images (no training image was held out)"
    return Scaled(scaled, float(np.sqrt(temperatures[0] * temperatures[1])), words)
