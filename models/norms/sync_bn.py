"""Batch normalization over the batches of several processes as if they were one.

    y = γ (x − μ) / √(σ² + ε) + β,   μ and σ² over the values of a channel in all processes

Axes: those of batch normalization, and the processes. Affine: γ and β of shape (C,).
Training: μ first, then σ² about it, each a sum over the processes (two passes, as `moments`), so that two processes
with half a batch each normalize as one with the batch. The sums are differentiated too: ∂ℓ/∂x is that of the whole.
Evaluation: running statistics, as in batch normalization; all processes have the same.

Processes talk to each other in training steps alone (`across_processes`): whoever shows a network images by itself, a
probe or an evaluation in training mode, normalizes over what it shows.

Every process must hold as many images, or the mean of the gradients over the processes is not that of the batch.

Source: Peng et al. 2018 (MegDet), arXiv 1711.07240, §3.3 (cross-GPU batch normalization).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from models.norms.batch_norm import require_spread
from models.norms.channel_statistics import ChannelStatistics, at_least_float32, batch_moments, channels_of, unbiased

_across = False


@contextmanager
def across_processes() -> Iterator[None]:
    """Inside, synchronized layers in training mode take the statistics of all processes, each of which must be here."""
    global _across
    before, _across = _across, dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    try:
        yield
    finally:
        _across = before


class SyncBatchNorm(ChannelStatistics):
    """Batch normalization over all processes of the training; alone, it is batch normalization."""

    def in_training(self, x: Tensor) -> Tensor:
        """As `ChannelStatistics.in_training`."""
        wide = at_least_float32(x)
        if not _across:
            require_spread(x)
            mean, var = batch_moments(x)
            self.track(mean.detach(), unbiased(var.detach(), x))
            return self.scaled_about(wide, mean, var)
        axes = (0, *range(2, x.dim()))
        count = _total(wide.new_tensor(float(x.numel() // x.shape[1])))
        mean = _total(wide.sum(axes)) / count
        var = _total((wide - channels_of(mean, x)).square().sum(axes)) / count
        self.track(mean.detach(), var.detach() * (count / (count - 1)))
        return self.scaled_about(wide, mean, var)


def _total(values: Tensor) -> Tensor:
    """The sum over the processes, and the gradient's."""
    return all_reduce(values)
