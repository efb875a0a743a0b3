"""Group normalization: every group of neighbouring channels of a sample to zero mean and unit variance.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a sample and group are taken over C / num_groups channels, and over H, W where there are; σ² biased.
Affine: γ and β of shape (C,), one pair per channel, 1 and 0 at the start.
Training and evaluation are the same: nothing is stored, and no sample sees another.
One group is layer normalization over (C, H, W); one channel a group is instance normalization.

Source: Wu & He 2018, arXiv 1803.08494, §3.1 (equations 1 to 3 and 7).
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from models.norms.normalization import Normalization, require_eps, require_several_values


class GroupNorm(nn.GroupNorm, Normalization):
    """PyTorch's group normalization, for (N, C) and (N, C, H, W). Raises ValueError on groups of one value."""

    def forward(self, x: Tensor) -> Tensor:
        require_several_values(self, x, num_sets=self.num_groups)
        return super().forward(x)

    def sets(self, x: Tensor) -> Tensor:
        """Groups of neighbouring channels of each sample: (N·G, C/G) of (N, C), (N·G, C/G·H·W) of (N, C, H, W)."""
        return x.reshape(len(x) * self.num_groups, -1)


@dataclass(frozen=True, kw_only=True)
class GN:
    """Factory of `GroupNorm` layers.

    num_groups: must divide the number of channels of every layer, or ValueError is raised.
    eps: added to the variance. affine: whether γ and β are learned.
    """

    layer: ClassVar[type[GroupNorm]] = GroupNorm

    num_groups: int
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_number_of_groups(self.num_groups)

    def __call__(self, num_channels: int) -> GroupNorm:
        require_groups(self.num_groups, num_channels)
        return self.layer(self.num_groups, num_channels, eps=self.eps, affine=self.affine)


def require_number_of_groups(num_groups: int) -> None:
    """Raise ValueError unless there is a group."""
    if num_groups < 1:
        raise ValueError(f"norm.num_groups={num_groups} must be at least 1")


def require_groups(num_groups: int, num_channels: int) -> None:
    """Raise ValueError unless `num_groups` divides the channels of a layer."""
    if num_channels % num_groups:
        divisors = ", ".join(str(d) for d in range(1, num_channels + 1) if num_channels % d == 0)
        raise ValueError(
            f"norm.num_groups={num_groups} does not divide the {num_channels} channels of a layer: "
            f"choose one of {divisors}"
        )
