"""Layer normalization: every sample to zero mean and unit variance over all its features.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a sample are taken over C for (N, C) and over C, H, W for (N, C, H, W), σ² biased.
Affine: γ and β of shape (C,), one pair per channel, 1 and 0 at the start. On feature maps this is group normalization
with a single group; an affine per element is models/norms/ln_chw.py, each position apart models/norms/ln_channels.py.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450, §3; as one group: Wu & He 2018, arXiv 1803.08494, §3.1.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from models.norms.normalization import Normalization, require_eps, require_several_values


class LayerNorm(nn.GroupNorm, Normalization):
    """Layer normalization of (N, C) over C and of (N, C, H, W) over C, H, W, with an affine map per channel.

    Raises ValueError on samples of one value.
    """

    def __init__(self, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(1, num_channels, eps=eps, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        require_several_values(self, x, num_sets=1)
        return super().forward(x)

    def sets(self, x: Tensor) -> Tensor:
        """Samples: (N, C) of (N, C), (N, C·H·W) of (N, C, H, W)."""
        return x.flatten(1)


@dataclass(frozen=True, kw_only=True)
class LN:
    """Factory of `LayerNorm` layers. eps: added to the variance. affine: whether γ and β are learned."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> LayerNorm:
        return LayerNorm(num_channels, eps=self.eps, affine=self.affine)
