"""Batch normalization with one set of statistics: the batch's, in training and in evaluation.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a channel are taken over N for (N, C) and over N, H, W for (N, C, H, W), σ² biased.
Affine: γ and β of shape (C,), one pair per channel and layer, 1 and 0 at the start.
Training and evaluation are the same, and nothing is stored: what is predicted for an image depends on the images beside
    it. A single vector is its own mean in evaluation, and becomes β; in training it is refused.

Source: none; Ioffe & Szegedy 2015, arXiv 1502.03167, §3.1, replace the batch's statistics in evaluation. It is the
formula one_set_of_statistics of models/norms/as_written.py.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.norms.batch_norm import require_channels_second, require_spread
from models.norms.channel_statistics import channels_of
from models.norms.normalization import Normalization


class BatchBoundBatchNorm(Normalization):
    """The equation above. Raises ValueError as `BatchNorm` does. No `RunningStatistics`: it has none."""

    depends_on_batch: ClassVar[bool] = True

    def __init__(self, num_channels: int, *, eps: float) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def reset_parameters(self) -> None:
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        require_channels_second(x)
        if self.training:
            require_spread(x)
        elif x.numel() <= x.shape[1]:
            return channels_of(self.bias.to(x.dtype), x).expand_as(x)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)

    def sets(self, x: Tensor) -> Tensor:
        """Channels: (C, N) of (N, C), (C, N·H·W) of (N, C, H, W)."""
        return x.transpose(0, 1).flatten(1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}"
