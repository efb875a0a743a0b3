"""Noisy batch normalization: batch normalization whose output is scaled and shifted by chance at every step.

    y_ij = s_ij BN(x)_ij + m_ij

BN as in models/norms/batch_norm.py, its γ and β included; s, m and their axes as in models/norms/noise.py. Batch
normalization fixes the mean and the variance of what it passes on, and the noise undoes that, differently in every
step: if batch normalization helped by keeping distributions still, this layer could not help.

Axes, affine, running statistics: those of batch normalization. The statistics are of the input, which the noise of
the layers above has reached and the layer's own has not.
Training: with noise. Evaluation, and whatever else measures the network on its batch statistics: BN, without noise.

Source: Santurkar et al. 2018, arXiv 1805.11604, §2.2 and appendix A (algorithm 1).
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from models.norms.batch_norm import BatchNorm, require_momentum
from models.norms.noise import Noise, require_noise
from models.norms.normalization import require_eps


class NoisyBatchNorm(BatchNorm):
    """`BatchNorm` followed by `noise`, with the same parameters and buffers under the same names.

    Raises ValueError as `BatchNorm` does.
    """

    plain_in_training: ClassVar[bool] = False

    def __init__(self, num_channels: int, noise: Noise, *, eps: float, momentum: float | None, affine: bool) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=affine)
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        return self.noise(super().forward(x))


@dataclass(frozen=True, kw_only=True)
class NoisyBN:
    """Factory of `NoisyBatchNorm` layers: the settings of `models.norms.batch_norm.BN` and `models.norms.noise`."""

    momentum: float | None
    eps: float
    affine: bool
    shift: float
    scale: float
    sample_shift: float
    sample_scale: float

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)
        require_noise(self.shift, self.scale, self.sample_shift, self.sample_scale)

    def __call__(self, num_channels: int) -> NoisyBatchNorm:
        noise = Noise(self.shift, self.scale, self.sample_shift, self.sample_scale)
        return NoisyBatchNorm(num_channels, noise, eps=self.eps, momentum=self.momentum, affine=self.affine)
