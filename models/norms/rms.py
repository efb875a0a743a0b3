"""Root-mean-square normalization: every sample divided by the root of its mean square, with no mean taken off.

    y = γ x / √(mean(x²) + ε) (+ β)

Axes: the mean of a sample's squares is taken over C for (N, C) and over C, H, W for (N, C, H, W), as in `ln`.
Affine: γ of shape (C,), one per channel, 1 at the start; β (C,), 0 at the start, only if asked for. Without β the layer
    before carries a bias.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Zhang & Sennrich 2019, arXiv 1910.07467, §3 (equation 4); there without ε and without β.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.norms.channel_statistics import at_least_float32, channels_of
from models.norms.normalization import Normalization, require_eps


class RMSNorm(Normalization):
    """The equation above for (N, C) and (N, C, H, W)."""

    standardizes: ClassVar[bool] = False
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, num_channels: int, *, eps: float, affine: bool, shift: bool) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if shift else None

    def reset_parameters(self) -> None:
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        wide = at_least_float32(x)
        mean_square = wide.square().mean(tuple(range(1, x.dim())), keepdim=True)
        y = wide * torch.rsqrt(mean_square + self.eps)
        if self.weight is not None:
            y = y * channels_of(self.weight, x)
        if self.bias is not None:
            y = y + channels_of(self.bias, x)
        return y.to(x.dtype)

    def sets(self, x: Tensor) -> Tensor:
        """Samples: (N, C) of (N, C), (N, C·H·W) of (N, C, H, W)."""
        return x.flatten(1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, affine={self.weight is not None}, shift={self.bias is not None}"


@dataclass(frozen=True, kw_only=True)
class RMS:
    """Factory of `RMSNorm` layers. eps: added to the mean square. affine: whether γ is learned. shift: whether β is."""

    eps: float
    affine: bool
    shift: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> RMSNorm:
        return RMSNorm(num_channels, eps=self.eps, affine=self.affine, shift=self.shift)
