"""Batch renormalization: batch normalization corrected, within limits, to what the running statistics would give.

    x̂ = (x − μ_B) / √(σ²_B + ε) · r + d,    y = γ x̂ + β
    r = clip(√(σ²_B + ε) / √(σ² + ε), 1/r_max, r_max),    d = clip((μ_B − μ) / √(σ² + ε), −d_max, d_max)

μ_B, σ²_B (biased) are the batch's and μ, σ² the running statistics as they stand before this batch; r and d pass no
gradient. Where neither is clipped, x̂ = (x − μ) / √(σ² + ε): training then computes what evaluation does.

Axes: as batch normalization's: each channel over N, or over N, H, W.
Affine: γ and β of shape (C,), 1 and 0 at the start.
Training: as above. For the first `warmup` steps r_max = 1 and d_max = 0, which is batch normalization; then both grow
    linearly, r_max up to its value at step `r_full` and d_max at step `d_full`. The steps are counted in the buffer
    num_batches_tracked. The running statistics move towards the batch's by `momentum`, with the biased variance; the
    paper averages standard deviations, here it is variances, as everywhere else.
Evaluation: y = γ (x − μ) / √(σ² + ε) + β. Measured on batch statistics, a layer is as in training, its running
    statistics and its counter held.

Source: Ioffe 2017, arXiv 1702.03275, §3 (algorithm 1) and §4 (r_max 1 to 3 and d_max 0 to 5 from step 5,000 to 40,000
and 25,000, momentum 0.01).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.norms.batch_norm import require_momentum, require_spread
from models.norms.channel_statistics import ChannelStatistics, batch_moments, channels_of
from models.norms.normalization import require_eps


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How far r and d may go, and from which step on."""

    r_max: float
    d_max: float
    warmup: int
    r_full: int
    d_full: int

    def at(self, step: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """r_max and d_max, scalars, after `step` steps."""
        begun = step.to(dtype) - self.warmup
        r_share = (begun / max(self.r_full - self.warmup, 1)).clamp(0, 1)
        d_share = (begun / max(self.d_full - self.warmup, 1)).clamp(0, 1)
        return 1 + (self.r_max - 1) * r_share, self.d_max * d_share


class BatchRenorm(ChannelStatistics):
    """The equations above for (N, C) and (N, C, H, W). Raises ValueError as `BatchNorm` does."""

    plain_in_training: ClassVar[bool] = False
    standardizes: ClassVar[bool] = False
    removes_scale: bool = False

    def __init__(self, num_channels: int, limits: Limits, *, eps: float, momentum: float | None, affine: bool) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=affine)
        self.limits = limits

    def in_training(self, x: Tensor) -> Tensor:
        require_spread(x)
        mean, var = batch_moments(x)
        r, d = self.corrections(mean.detach(), var.detach())
        scale = torch.rsqrt(var + self.eps) * r  # (C,)
        offset = d
        if self.weight is not None and self.bias is not None:
            scale, offset = scale * self.weight, offset * self.weight + self.bias
        y = (x - channels_of(mean, x)) * channels_of(scale, x) + channels_of(offset, x)
        self.track(mean.detach(), var.detach())
        return y

    @torch.no_grad()
    def corrections(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """r and d (C,) for a batch with these moments (C,)."""
        r_max, d_max = self.limits.at(self.num_batches_tracked, mean.dtype)
        inverse = torch.rsqrt(self.running_var + self.eps)
        r = torch.sqrt(var + self.eps) * inverse
        d = (mean - self.running_mean) * inverse
        return torch.minimum(torch.maximum(r, 1 / r_max), r_max), torch.minimum(torch.maximum(d, -d_max), d_max)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.limits}"


@dataclass(frozen=True, kw_only=True)
class BRN:
    """Factory of `BatchRenorm` layers: the settings of `models.norms.batch_norm.BN`, and

    r_max: at least 1. d_max: at least 0. warmup, r_full, d_full: steps, the latter two not before the first.
    """

    momentum: float | None
    eps: float
    affine: bool
    r_max: float
    d_max: float
    warmup: int
    r_full: int
    d_full: int

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)
        for name, value, least in (("r_max", self.r_max, 1), ("d_max", self.d_max, 0), ("warmup", self.warmup, 0)):
            if not least <= value < math.inf:
                raise ValueError(f"norm.{name}={value} is out of range: give a number of at least {least}")
        for name, value in (("r_full", self.r_full), ("d_full", self.d_full)):
            if value < self.warmup:
                raise ValueError(
                    f"norm.{name}={value} lies before the end of norm.warmup={self.warmup}: give at least that"
                )

    def __call__(self, num_channels: int) -> BatchRenorm:
        limits = Limits(r_max=self.r_max, d_max=self.d_max, warmup=self.warmup, r_full=self.r_full, d_full=self.d_full)
        return BatchRenorm(num_channels, limits, eps=self.eps, momentum=self.momentum, affine=self.affine)
