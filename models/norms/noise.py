"""Noise in a norm's place: every sample's channels scaled and shifted by chance, anew at every step.

    per step, layer and channel j:   μ_j ~ U(−n_μ, n_μ),               σ_j ~ U(1, n_σ)
    per sample i and channel j:      m_ij ~ U(μ_j − r_μ, μ_j + r_μ),   s_ij ~ N(σ_j, r_σ²)
    y_ij = s_ij x_ij + m_ij

What the next layer meets thus changes its mean and its scale from step to step: a distribution shift made by hand.

Axes: the paper speaks of units. A unit is here what a norm has one γ and one β for: an element of a vector (N, C), and
    a channel of a feature map (N, C, H, W), all positions of which share a draw.
Affine and state: none; nothing is learned, and the layer before carries a bias of its own.
Training: the draws come from the device's global generator, as those of dropout do.
Evaluation: y = x.

Source: Santurkar et al. 2018, arXiv 1805.11604, §2.2 and appendix A (algorithm 1), n_μ = 0.5, n_σ = 1.25,
r_μ = r_σ = 0.1, where the noise follows batch normalization (models/norms/noisy_bn.py). Alone it is the control: what
the noise does to a network without a norm. The paper writes N(σ, r_σ); r_σ is taken for the standard deviation.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Noise(nn.Module):
    """The equations above, for (N, C) and (N, C, H, W). No `Normalization`: it brings nothing to any scale.

    shift: n_μ. scale: n_σ. sample_shift: r_μ. sample_scale: r_σ.
    """

    def __init__(self, shift: float, scale: float, sample_shift: float, sample_scale: float) -> None:
        super().__init__()
        self.shift = shift
        self.scale = scale
        self.sample_shift = sample_shift
        self.sample_scale = sample_scale

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        num_samples, num_channels = x.shape[:2]
        dtype = torch.promote_types(x.dtype, torch.float32)  # draws in half precision would be coarse
        of_channels = torch.rand(2, num_channels, device=x.device, dtype=dtype)
        mu = self.shift * (2 * of_channels[0] - 1)  # (C,)
        sigma = 1 + (self.scale - 1) * of_channels[1]  # (C,)
        m = mu + self.sample_shift * (2 * torch.rand(num_samples, num_channels, device=x.device, dtype=dtype) - 1)
        s = sigma + self.sample_scale * torch.randn(num_samples, num_channels, device=x.device, dtype=dtype)
        shape = (num_samples, num_channels) + (1,) * (x.dim() - 2)
        return torch.addcmul(m.to(x.dtype).view(shape), x, s.to(x.dtype).view(shape))

    def extra_repr(self) -> str:
        return (
            f"shift={self.shift}, scale={self.scale}, sample_shift={self.sample_shift}, "
            f"sample_scale={self.sample_scale}"
        )


@dataclass(frozen=True, kw_only=True)
class NoiseAlone:
    """Factory of `Noise` layers in the places of norms.

    shift: n_μ, at least 0. scale: n_σ, at least 1. sample_shift: r_μ, sample_scale: r_σ, at least 0.
    """

    shift: float
    scale: float
    sample_shift: float
    sample_scale: float

    def __post_init__(self) -> None:
        require_noise(self.shift, self.scale, self.sample_shift, self.sample_scale)

    def __call__(self, num_channels: int) -> Noise:
        return Noise(self.shift, self.scale, self.sample_shift, self.sample_scale)


def require_noise(shift: float, scale: float, sample_shift: float, sample_scale: float) -> None:
    """Raise ValueError unless the settings of a `Noise` name ranges to draw from."""
    for name, value in (("shift", shift), ("sample_shift", sample_shift), ("sample_scale", sample_scale)):
        if not 0 <= value < math.inf:
            raise ValueError(f"norm.{name}={value} is no width to draw within: give a number of at least 0")
    if not 1 <= scale < math.inf:
        raise ValueError(f"norm.scale={scale} is no end of the scales, which begin at 1: give a number of at least 1")
