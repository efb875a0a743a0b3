"""Batch normalization: every channel to zero mean and unit variance over the batch.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a channel are taken over N for (N, C) and over N, H, W for (N, C, H, W).
Affine: γ and β of shape (C,), one pair per channel and layer, 1 and 0 at the start.
Training: μ and σ² are those of the batch (σ² biased, divided by m), and the running statistics move towards them:
    running ← (1 − momentum) running + momentum · batch, with the unbiased variance (divided by m − 1);
    momentum None keeps the plain average over all batches seen so far.
Evaluation: the running statistics take the place of μ and σ², so that the layer is a fixed affine map.

Source: Ioffe & Szegedy 2015, arXiv 1502.03167, §3, §3.1, §3.2.
The equations written out: models/norms/bn_scratch.py.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from models.norms.normalization import RunningStatistics, require_eps


class BatchNorm(_BatchNorm, RunningStatistics):  # type: ignore[misc] # PyTorch's statistics may be None, ours never
    """PyTorch's batch normalization for (N, C) and (N, C, H, W) alike.

    Raises ValueError on another number of axes, and in training on a batch with a single value per channel.
    """

    def _check_input_dim(self, x: Tensor) -> None:  # the first thing that PyTorch's forward calls
        require_channels_second(x)
        if self.training:
            require_spread(x)


def require_channels_second(x: Tensor) -> None:
    """Raise ValueError unless x has the shape (N, C) or (N, C, H, W)."""
    if x.dim() not in (2, 4):
        raise ValueError(f"batch normalization takes (N, C) or (N, C, H, W), not the shape {tuple(x.shape)}")


def require_spread(x: Tensor) -> None:
    """Raise ValueError if the batch holds one value per channel: its variance is 0, and every output would be β."""
    if x.numel() <= x.shape[1]:
        raise ValueError(
            f"a training batch of shape {tuple(x.shape)} has one value per channel, which batch normalization "
            "cannot normalize: take batches of at least 2 images, or norm=ln"
        )


@dataclass(frozen=True, kw_only=True)
class BN:
    """Factory of `BatchNorm` layers.

    momentum: the weight of the newest batch in the running statistics, in [0, 1]; None averages all batches equally.
    eps: added to the variance. affine: whether γ and β are learned. sync: whether the processes of one training
    normalize over all of their batches together (models/norms/sync_bn.py).
    """

    momentum: float | None
    eps: float
    affine: bool
    sync: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)

    def __call__(self, num_channels: int) -> RunningStatistics:
        if self.sync:
            from models.norms.sync_bn import SyncBatchNorm  # which needs this file

            return SyncBatchNorm(num_channels, eps=self.eps, momentum=self.momentum, affine=self.affine)
        return BatchNorm(num_channels, eps=self.eps, momentum=self.momentum, affine=self.affine)


def require_momentum(momentum: float | None) -> None:
    """Raise ValueError unless `momentum` is None or a weight in [0, 1]."""
    if momentum is not None and not 0 <= momentum <= 1:
        raise ValueError(f"norm.momentum={momentum} is no weight: give a number from 0 to 1, or null for the average")
