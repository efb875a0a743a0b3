"""EvoNorm-S0: a norm and an activation in one, found by search; statistics of each sample and group of channels.

    y = γ · x · sigmoid(v x) / √(σ² + ε) + β

Axes: σ² (biased) of a sample and group is taken over C / num_groups neighbouring channels, and over H, W where there
    are. The mean is taken off within σ² alone.
Affine: γ, β and v of shape (C,), called weight, bias and gate; 1, 0 and 1 at the start.
    In a place that no activation follows the gate is left out: y = γ x / √(σ² + ε) + β.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Liu, Brock, Simonyan & Le 2020, arXiv 2004.02967, table 2 and §4 (EvoNorm-S0).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.norms.channel_statistics import at_least_float32, channels_of, moments
from models.norms.group_norm import require_groups, require_number_of_groups
from models.norms.normalization import NormWithActivation, require_eps


class EvoNormS0(NormWithActivation):
    """The equation above for (N, C) and (N, C, H, W). Raises ValueError on groups of one value."""

    standardizes: ClassVar[bool] = False
    removes_scale: bool = False
    gate: nn.Parameter | None

    def __init__(self, num_channels: int, num_groups: int, *, eps: float) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.num_groups = num_groups
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.gate = nn.Parameter(torch.ones(num_channels))

    def drop_activation(self) -> None:
        self.gate = None
        self.removes_scale = True

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)
        if self.gate is not None:
            nn.init.ones_(self.gate)

    def forward(self, x: Tensor) -> Tensor:
        if x[0].numel() <= self.num_groups:
            raise ValueError(
                f"{type(self).__name__} met samples of shape {tuple(x.shape[1:])}, whose {self.num_groups} groups are "
                "single values without a variance: choose larger images, another model, or norm=bn"
            )
        wide = at_least_float32(x)
        grouped = wide.unflatten(1, (self.num_groups, -1))  # (N, G, C/G, …)
        _, var = moments(grouped, tuple(range(2, grouped.dim())), keepdim=True)
        y = (grouped * torch.rsqrt(var + self.eps)).flatten(1, 2)
        if self.gate is not None:
            y = y * torch.sigmoid(wide * channels_of(self.gate, x))
        return (y * channels_of(self.weight, x) + channels_of(self.bias, x)).to(x.dtype)

    def sets(self, x: Tensor) -> Tensor:
        """Groups of neighbouring channels of each sample: (N·G, C/G) of (N, C), (N·G, C/G·H·W) of (N, C, H, W)."""
        return x.reshape(len(x) * self.num_groups, -1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, groups={self.num_groups}, eps={self.eps}, activation={self.gate is not None}"


@dataclass(frozen=True, kw_only=True)
class EvoS0:
    """Factory of `EvoNormS0` layers.

    num_groups: must divide the number of channels of every layer, or ValueError is raised. eps: added to the variance.
    """

    num_groups: int
    eps: float

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_number_of_groups(self.num_groups)

    def __call__(self, num_channels: int) -> EvoNormS0:
        require_groups(self.num_groups, num_channels)
        return EvoNormS0(num_channels, self.num_groups, eps=self.eps)
