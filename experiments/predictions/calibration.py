"""How well the probabilities of a classifier fit the frequencies: calibration errors, likelihood, Brier score.

All take logits (N, K), any float type, and labels (N,), int64, and compute in float64 on the CPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: per bin of confidence, how sure the network is and how often it is right.

    Empty bins hold zeros. `edges` (B + 1,) are the bins' borders; the other arrays are (B,).
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Σ |B_m|/n · |acc(B_m) − conf(B_m)|, in [0, 1] (Guo et al. 2017, arXiv 1706.04599, eq. 3)."""
        weights = self.counts / max(self.counts.sum(), 1)
        return float((weights * np.abs(self.accuracy - self.confidence)).sum())


def log_probabilities(logits: Tensor) -> Tensor:
    """log softmax in float64, (N, K)."""
    return torch.log_softmax(logits.double(), dim=1)


def confidences(logits: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the predicted class, float64 (N,), and whether it is the right one, bool (N,)."""
    best = log_probabilities(logits).max(dim=1)
    # rounding may lift a probability of one above it, and out of the last bin
    return best.values.exp().clamp(max=1).numpy(), (best.indices == labels).numpy()


def reliability(logits: Tensor, labels: Tensor, bins: int = BINS) -> Reliability:
    """The diagram over equal-width bins of confidence, ((m − 1)/B, m/B], closed on the right (Guo et al. 2017, §2)."""
    confidence, right = confidences(logits, labels)
    return _binned(edges_of(bins), bin_of(confidence, bins), confidence, right)


def edges_of(bins: int) -> np.ndarray:
    """The borders (B + 1,) of equal-width bins of confidence."""
    return np.linspace(0, 1, bins + 1)


def bin_of(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The equal-width bin of each confidence (N,), from 0 to B − 1; a border belongs to the bin below it."""
    return np.clip(np.searchsorted(edges_of(bins), confidence, side="left") - 1, 0, bins - 1)


def equal_mass_reliability(logits: Tensor, labels: Tensor, bins: int = BINS) -> Reliability:
    """The diagram over bins of as equal a number of images as possible, in the order of confidence.

    The adaptive bins of Nixon et al. 2019, arXiv 1904.01685, here for the predicted class alone. Images
    of equal confidence may fall into two bins; they are dealt in their official order.
    """
    confidence, right = confidences(logits, labels)
    order = np.argsort(confidence, kind="stable")
    index = np.empty(len(confidence), dtype=np.int64)
    parts = np.array_split(order, bins)
    for number, part in enumerate(parts):
        index[part] = number
    tops = [confidence[part[-1]] if len(part) else 1.0 for part in parts]
    return _binned(np.array([0.0, *tops]), index, confidence, right)


def _binned(edges: np.ndarray, index: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> Reliability:
    bins = len(edges) - 1
    counts = np.bincount(index, minlength=bins)
    some = np.maximum(counts, 1)
    mean_confidence = np.bincount(index, weights=confidence, minlength=bins) / some
    accuracy = np.bincount(index, weights=right.astype(np.float64), minlength=bins) / some
    return Reliability(edges, counts, mean_confidence, accuracy)


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ECE over equal-width bins, in [0, 1]; depends on the number of images: compare at equal N only."""
    return reliability(logits, labels, bins).error


def negative_log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """−log p(label) of each image, float64 (N,), in nats."""
    return -log_probabilities(logits).gather(1, labels[:, None]).squeeze(1)


def brier_scores(logits: Tensor, labels: Tensor) -> Tensor:
    """Σ_k (p_k − 1[k = label])² of each image, float64 (N,), in [0, 2] (Brier 1950)."""
    probabilities = log_probabilities(logits).exp()
    truth = torch.nn.functional.one_hot(labels, logits.shape[1]).double()
    return ((probabilities - truth) ** 2).sum(dim=1)
