"""Switchable normalization: the means and variances of instance, layer and batch normalization, mixed by learning.

    y = γ (x − Σ_k w_k μ_k) / √(Σ_k w'_k σ²_k + ε) + β,    k ∈ {in, ln, bn}

Axes: μ_in, σ²_in of a sample and channel over H, W; μ_ln, σ²_ln of a sample over C, H, W; μ_bn, σ²_bn of a channel over
    N, H, W; variances biased. A vector (N, C), like a map of one position, has no spread within a channel: `in` takes
    no part there, and the other two share its weight.
Affine: γ and β of shape (C,), 1 and 0 at the start. The weights w = softmax(λ) and w' = softmax(λ') are two sets of
    three numbers per layer, mean_logits and var_logits, all 1 at the start, so that the three weigh the same.
Training: as above; the running statistics move towards μ_bn and the unbiased σ²_bn.
Evaluation: the running statistics take the place of μ_bn and σ²_bn. The other two stay those of each sample, so that
    the layer is no fixed affine map and cannot be folded. (The authors average over batches after training; a plain
    average is momentum null.)

Source: Luo et al. 2018, arXiv 1806.10779, §2.1 (equations 3 to 5) and §2.2 (inference).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.norms.batch_norm import require_momentum, require_spread
from models.norms.channel_statistics import ChannelStatistics, at_least_float32, channels_of, moments, unbiased
from models.norms.normalization import require_eps


class SwitchableNorm(ChannelStatistics):
    """The equations above for (N, C) and (N, C, H, W). Raises ValueError as `BatchNorm` does."""

    plain_in_training: ClassVar[bool] = False
    affine_in_evaluation: ClassVar[bool] = False
    standardizes: ClassVar[bool] = False

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=True)
        self.mean_logits = nn.Parameter(torch.ones(3))  # of in, ln, bn
        self.var_logits = nn.Parameter(torch.ones(3))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.ones_(self.mean_logits)
        nn.init.ones_(self.var_logits)

    def sets(self, x: Tensor) -> Tensor:
        """Channels of each sample, which share a mixed mean and variance: (N·C, H·W), (N·C, 1) of a vector."""
        return x.reshape(x.shape[0] * x.shape[1], -1)

    def in_training(self, x: Tensor) -> Tensor:
        require_spread(x)
        of_images = self._image_moments(x)
        mean, var = _over(0, *of_images)
        y = self._mixed(x, *of_images, mean, var)
        self.track(mean.detach(), unbiased(var.detach(), x))
        return y

    def in_evaluation(self, x: Tensor) -> Tensor:
        return self._mixed(x, *self._image_moments(x), self.running_mean, self.running_var)

    def affine_map(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        raise TypeError("switchable normalization depends on each sample's own statistics and is no affine map")

    def _image_moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ_in and σ²_in, (N, C); a vector's are its values and 0."""
        wide = at_least_float32(x)
        return moments(wide, (2, 3)) if x.dim() == 4 else (wide, torch.zeros_like(wide))

    def _mixed(self, x: Tensor, mean_in: Tensor, var_in: Tensor, mean_bn: Tensor, var_bn: Tensor) -> Tensor:
        mean_ln, var_ln = (moment[:, None] for moment in _over(1, mean_in, var_in))  # (N, 1)
        has_spread = x[0].numel() > x.shape[1]
        mean = _weighted(self.mean_logits, has_spread, mean_in, mean_ln, mean_bn)  # (N, C)
        var = _weighted(self.var_logits, has_spread, var_in, var_ln, var_bn)
        assert self.weight is not None
        assert self.bias is not None
        scale = torch.rsqrt(var + self.eps) * self.weight
        return (x - channels_of(mean, x)) * channels_of(scale, x) + channels_of(self.bias, x)


def _over(axis: int, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
    """The moments of sets of equal size taken together along an axis, from theirs (N, C)."""
    return mean.mean(axis), var.mean(axis) + mean.var(axis, correction=0)


def _weighted(logits: Tensor, has_spread: bool, of_in: Tensor, of_ln: Tensor, of_bn: Tensor) -> Tensor:
    if not has_spread:
        weights = logits[1:].softmax(0)
        return weights[0] * of_ln + weights[1] * of_bn
    weights = logits.softmax(0)
    return weights[0] * of_in + weights[1] * of_ln + weights[2] * of_bn


@dataclass(frozen=True, kw_only=True)
class Switchable:
    """Factory of `SwitchableNorm` layers. momentum, eps: as in `models.norms.batch_norm.BN`."""

    momentum: float | None
    eps: float

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)

    def __call__(self, num_channels: int) -> SwitchableNorm:
        return SwitchableNorm(num_channels, eps=self.eps, momentum=self.momentum)
