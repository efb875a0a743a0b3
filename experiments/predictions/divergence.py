"""How far apart two predictive distributions are, image by image, in nats.

Both take logits (N, K) of any float type and compute from log softmax in float64.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.predictions.calibration import log_probabilities


@dataclass(frozen=True)
class Spread:
    """Mean, median and 95th percentile over the images."""

    mean: float
    median: float
    p95: float

    @classmethod
    def of(cls, values: Tensor) -> "Spread":
        median, p95 = torch.quantile(values, torch.tensor([0.5, 0.95], dtype=values.dtype)).tolist()
        return cls(values.mean().item(), median, p95)


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) = Σ_k p_k (ln p_k − ln q_k) of each image, float64 (N,)."""
    log_p, log_q = log_probabilities(p), log_probabilities(q)
    return (log_p.exp() * (log_p - log_q)).sum(dim=1).clamp(min=0)  # below zero by rounding alone


def jensen_shannon_divergence(p: Tensor, q: Tensor) -> Tensor:
    """JS(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q)/2, of each image, float64 (N,), at most ln 2; symmetric."""
    log_p, log_q = log_probabilities(p), log_probabilities(q)
    log_m = torch.logaddexp(log_p, log_q) - torch.log(torch.tensor(2.0, dtype=torch.float64))
    halves = (log_p.exp() * (log_p - log_m)).sum(dim=1) + (log_q.exp() * (log_q - log_m)).sum(dim=1)
    return (halves / 2).clamp(min=0)
