"""Instance normalization: every channel of every sample to zero mean and unit variance over its positions.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a sample and channel are taken over H, W; σ² biased.
    A vector (N, C) has one position a channel and so no spread to normalize: x̂ = x, only the affine map acts.
Affine: γ and β of shape (C,), one pair per channel, 1 and 0 at the start.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022, §2.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.norms.normalization import Normalization, require_eps, require_several_values


class InstanceNorm(Normalization):
    """Instance normalization of (N, C, H, W); of (N, C) only the affine map.

    Raises ValueError on feature maps of 1×1, where every output would be β.
    """

    needs_positions: ClassVar[bool] = True
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, num_channels: int, eps: float, affine: bool) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None

    def reset_parameters(self) -> None:
        if self.weight is not None and self.bias is not None:
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return x if self.weight is None or self.bias is None else x * self.weight + self.bias
        require_several_values(self, x, num_sets=self.num_channels)
        return F.group_norm(x, self.num_channels, self.weight, self.bias, self.eps)  # one channel a group

    def sets(self, x: Tensor) -> Tensor:
        """Channels of each sample: (N·C, H·W) of (N, C, H, W); (N·C, 1) of a vector (N, C), which stays as it is."""
        return x.reshape(x.shape[0] * x.shape[1], -1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, affine={self.weight is not None}"


@dataclass(frozen=True, kw_only=True)
class IN:
    """Factory of `InstanceNorm` layers. eps: added to the variance. affine: whether γ and β are learned."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> InstanceNorm:
        return InstanceNorm(num_channels, eps=self.eps, affine=self.affine)
