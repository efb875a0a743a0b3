"""Cumulative batch normalization: batch normalization that evaluates with the plain average over all batches.

    y = γ (x − μ) / √(σ² + ε) + β

Axes, affine, training: batch normalization's (models/norms/batch_norm.py), but for the running statistics: after t
    batches they are the means over these of μ and of the unbiased σ²; the first batches, of weights long gone, weigh as
    much as the last.
Evaluation: the running statistics take the place of μ and σ², as in batch normalization.

The numbers are those of `bn` with momentum null, up to rounding. For them PyTorch's layer reads the number of batches
back to the host in every step, which a GPU waits for and neither `torch.compile` nor a CUDA graph can record.

Source: Ioffe & Szegedy 2015, arXiv 1502.03167, §3.1 and algorithm 2, whose population statistics are averages over
batches (of the final weights).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.norms.batch_norm import BatchNorm
from models.norms.normalization import require_eps


class CumulativeBatchNorm(BatchNorm):
    """`BatchNorm` with momentum None. Raises ValueError as it does."""

    def __init__(self, num_channels: int, *, eps: float, affine: bool) -> None:
        super().__init__(num_channels, eps=eps, momentum=None, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        # With momentum 1 these two become the batch's.
        y = F.batch_norm(x, mean, var, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            weight = 1 / self.num_batches_tracked.to(mean.dtype)
            self.running_mean += weight * (mean - self.running_mean)
            self.running_var += weight * (var - self.running_var)
        return y


@dataclass(frozen=True, kw_only=True)
class CumulativeBN:
    """Factory of `CumulativeBatchNorm` layers. eps: added to the variance. affine: whether γ and β are learned."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> CumulativeBatchNorm:
        return CumulativeBatchNorm(num_channels, eps=self.eps, affine=self.affine)
