"""Frozen batch normalization: batch normalization whose statistics stop moving after some steps of training.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: as batch normalization's: each channel over N, or over N, H, W.
Affine: γ and β of shape (C,), 1 and 0 at the start; they are learned after the freeze too.
Training: in the first `freeze_after` steps μ and σ² (biased) are the batch's, and the running statistics move towards
    them (with the unbiased variance). From then on μ and σ² are the running ones, which no longer move, and no gradient
    passes through them: training computes what evaluation does. With `freeze_after` 0 they are 0 and 1 throughout, and
    the layer is a learned affine map per channel.
Evaluation: the running statistics. Measured on batch statistics, a layer is as training has it at that step.

The steps are counted in the buffer num_batches_tracked.

Source: the layer is in use wherever detectors are fine-tuned (torchvision.ops.FrozenBatchNorm2d is frozen from the
start, with γ and β fixed too); freezing after a part of the training: Ioffe 2017, arXiv 1702.03275, §3, discusses what
it does to the gradient.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.norms.batch_norm import require_momentum, require_spread
from models.norms.channel_statistics import ChannelStatistics, batch_moments, unbiased
from models.norms.normalization import require_eps


class FrozenBatchNorm(ChannelStatistics):
    """The equations above for (N, C) and (N, C, H, W).

    Raises ValueError as `BatchNorm` does, the latter only if there are steps before the freeze.
    """

    plain_in_training: ClassVar[bool] = False
    standardizes: ClassVar[bool] = False
    removes_scale: bool = False

    def __init__(
        self, num_channels: int, freeze_after: int, *, eps: float, momentum: float | None, affine: bool
    ) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=affine)
        self.freeze_after = freeze_after

    def in_training(self, x: Tensor) -> Tensor:
        if self.freeze_after == 0:
            return self.scaled_about(x, self.running_mean, self.running_var)
        require_spread(x)
        mean, var = batch_moments(x)
        frozen = self.num_batches_tracked >= self.freeze_after
        y = self.scaled_about(
            x, torch.where(frozen, self.running_mean, mean), torch.where(frozen, self.running_var, var)
        )
        with torch.no_grad():  # a frozen layer is moved towards where it stands
            self.track(
                torch.where(frozen, self.running_mean, mean),
                torch.where(frozen, self.running_var, unbiased(var, x)),
            )
        return y

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, freeze_after={self.freeze_after}"


@dataclass(frozen=True, kw_only=True)
class FrozenBN:
    """Factory of `FrozenBatchNorm` layers: the settings of `models.norms.batch_norm.BN`, and

    freeze_after: steps of training before the freeze, at least 0.
    """

    freeze_after: int
    momentum: float | None
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)
        if self.freeze_after < 0:
            raise ValueError(f"norm.freeze_after={self.freeze_after} is no number of steps: give at least 0")

    def __call__(self, num_channels: int) -> FrozenBatchNorm:
        return FrozenBatchNorm(
            num_channels, self.freeze_after, eps=self.eps, momentum=self.momentum, affine=self.affine
        )
