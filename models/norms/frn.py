"""Filter response normalization: every channel of every sample divided by its root mean square, then a threshold.

    z = γ x / √(ν² + ε) + β,    ν² = Σ x² / (H·W)        (FRN)
    y = max(z, τ)                                        (TLU, the threshold in the place of a ReLU)

Axes: ν² of a sample and channel is taken over H, W; no mean is taken off.
    A vector (N, C) has one position a channel, of which the division would leave the sign alone: it is left out there,
    z = γ x + β. (The paper learns ε for such layers.)
Affine: γ, β and τ of shape (C,), called weight, bias and threshold; 1, 0 and 0 at the start, where TLU is a ReLU.
    In a place that no activation follows there is no τ, and y = z.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Singh & Krishnan 2019, arXiv 1911.09737, §3.1 (FRN) and §3.2 (TLU).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.norms.channel_statistics import at_least_float32, channels_of
from models.norms.normalization import NormWithActivation, require_eps


class FilterResponseNorm(NormWithActivation):
    """The equations above for (N, C, H, W); of (N, C) without the division.

    Raises ValueError on feature maps of 1×1.
    """

    needs_positions: ClassVar[bool] = True
    standardizes: ClassVar[bool] = False
    threshold: nn.Parameter | None

    def __init__(self, num_channels: int, *, eps: float) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.threshold = nn.Parameter(torch.zeros(num_channels))

    def drop_activation(self) -> None:
        self.threshold = None

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        if self.threshold is not None:
            nn.init.zeros_(self.threshold)

    def forward(self, x: Tensor) -> Tensor:
        y = at_least_float32(x)
        if x.dim() == 4:
            if x.shape[2:].numel() == 1:
                raise ValueError(
                    f"{type(self).__name__} met samples of shape {tuple(x.shape[1:])}, whose channels are single "
                    "values, of which only the sign would remain: choose larger images, another model, or norm=bn"
                )
            y = y * torch.rsqrt(y.square().mean((2, 3), keepdim=True) + self.eps)
        y = y * channels_of(self.weight, x) + channels_of(self.bias, x)
        if self.threshold is not None:
            y = torch.maximum(y, channels_of(self.threshold, x))
        return y.to(x.dtype)

    def sets(self, x: Tensor) -> Tensor:
        """Channels of each sample: (N·C, H·W) of (N, C, H, W); (N·C, 1) of a vector (N, C)."""
        return x.reshape(x.shape[0] * x.shape[1], -1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, activation={self.threshold is not None}"


@dataclass(frozen=True, kw_only=True)
class FRN:
    """Factory of `FilterResponseNorm` layers. eps: added to the mean square."""

    eps: float

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> FilterResponseNorm:
        return FilterResponseNorm(num_channels, eps=self.eps)
