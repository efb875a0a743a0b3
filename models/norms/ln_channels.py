"""Layer normalization of each position over its channels, as Transformers and ConvNeXt have it.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a sample and position are taken over C alone, σ² biased. On (N, C) this is `ln`.
    With a single channel every value is its own mean: x̂ = 0 and y = β everywhere.
Affine: γ and β of shape (C,), one pair per channel, 1 and 0 at the start.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450, §3, at every position;
on feature maps: Liu et al. 2022, arXiv 2201.03545, §2.6.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from models.norms.normalization import Normalization, require_eps


class LayerNormChannels(nn.LayerNorm, Normalization):
    """Layer normalization over axis 1 of (N, C) and (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.movedim(1, -1)  # (N, C) or (N, H, W, C); without a copy if x lies channels_last in memory
        return super().forward(channels_last).movedim(-1, 1)

    def sets(self, x: Tensor) -> Tensor:
        """Positions of each sample: (N, C) of (N, C), (N·H·W, C) of (N, C, H, W)."""
        return x.movedim(1, -1).reshape(-1, x.shape[1])


@dataclass(frozen=True, kw_only=True)
class LNChannels:
    """Factory of `LayerNormChannels` layers. eps: added to the variance. affine: whether γ and β are learned."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> LayerNormChannels:
        return LayerNormChannels(num_channels, eps=self.eps, elementwise_affine=self.affine)
