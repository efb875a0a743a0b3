"""Ghost batch normalization: batch normalization with the statistics of small pieces of the batch.

    y = γ (x − μ_k) / √(σ²_k + ε) + β     for the images of piece k

The batch of the optimizer and the batch of the statistics are thus two settings.

Axes: the batch is cut, in its order, into pieces of `size` images; μ_k and σ²_k (biased) of a channel are taken over
    the images and positions of piece k. Images that are left over form a smaller piece of their own; a single one joins
    the piece before, since one vector has no variance. A batch of fewer than `size` images is one piece.
Affine: γ and β of shape (C,), one pair per channel and layer, 1 and 0 at the start.
Training: as above. The running statistics move once a step, to where they would be had the K pieces come one by one:
    running ← (1 − momentum)^K running + momentum · Σ_k (1 − momentum)^(K−k) piece_k, k = 1 … K,
    with the unbiased variance of each piece (divided by m − 1); momentum None keeps the plain average over all pieces.
Evaluation: the running statistics take the place of μ_k and σ²_k, as in batch normalization.

Source: Hoffer, Hubara & Soudry 2017, arXiv 1705.08741, §4 (algorithm 1).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.norms.batch_norm import require_momentum, require_spread
from models.norms.channel_statistics import ChannelStatistics, at_least_float32, channels_of, moments
from models.norms.normalization import require_eps


class GhostBatchNorm(ChannelStatistics):
    """The equations above for (N, C) and (N, C, H, W).

    Raises ValueError on another number of axes, and in training on a batch with a single value per channel.
    `num_batches_tracked` counts pieces.
    """

    plain_in_training: ClassVar[bool] = False

    def __init__(self, num_channels: int, *, size: int, eps: float, momentum: float | None, affine: bool) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=affine)
        self.size = size

    def sets(self, x: Tensor) -> Tensor:
        """Channels of each piece: (K·C, size·H·W). Where the pieces differ in size, channels over the whole batch.

        (The latter end with the mean 0 too, and with the mean of the pieces' variances.)
        """
        sizes = piece_sizes(len(x), self.size)
        if len(set(sizes)) > 1:
            return super().sets(x)
        return x.unflatten(0, (len(sizes), sizes[0])).transpose(1, 2).flatten(0, 1).flatten(1)

    def in_training(self, x: Tensor) -> Tensor:
        require_spread(x)
        wide = at_least_float32(x)
        sizes = piece_sizes(len(x), self.size)
        alike = sum(size == sizes[0] for size in sizes)  # all of them, or all but the last
        outputs: list[Tensor] = []
        means: list[Tensor] = []
        variances: list[Tensor] = []
        parts = wide.split([alike * sizes[0], len(x) - alike * sizes[0]])
        for part, count in zip(parts, (alike, len(sizes) - alike), strict=True):
            if count:
                pieces = part.unflatten(0, (count, -1))  # (K, size, C, …)
                axes = (1, *range(3, pieces.dim()))
                mean, var = moments(pieces, axes, keepdim=True)
                normalized = (pieces - mean) * torch.rsqrt(var + self.eps)
                outputs.append(normalized.flatten(0, 1))
                m = pieces[0].numel() // pieces.shape[2]
                means.append(mean.detach().flatten(1))  # (K, C)
                variances.append(var.detach().flatten(1) * (m / (m - 1)))
        self._track_pieces(torch.cat(means), torch.cat(variances))
        normalized = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        if self.weight is None or self.bias is None:
            return normalized
        return normalized * channels_of(self.weight, x) + channels_of(self.bias, x)

    @torch.no_grad()
    def _track_pieces(self, means: Tensor, variances: Tensor) -> None:
        """Both of shape (K, C)."""
        if self.held:
            return
        count = len(means)
        self.num_batches_tracked += count
        if self.momentum is None:
            kept: Tensor | float = 1 - count / self.num_batches_tracked.to(means.dtype)
            weights = (1 / self.num_batches_tracked.to(means.dtype)).expand(count)
        else:
            kept = (1 - self.momentum) ** count
            later = torch.arange(count - 1, -1, -1, device=means.device, dtype=means.dtype)  # pieces after this one
            weights = self.momentum * (1 - self.momentum) ** later
        # no matrix product, which autocast would round to half precision
        self.running_mean.mul_(kept).add_((weights[:, None] * means).sum(0))
        self.running_var.mul_(kept).add_((weights[:, None] * variances).sum(0))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}"


def piece_sizes(num_images: int, size: int) -> list[int]:
    """How many images the pieces of a batch have, in their order."""
    pieces, rest = divmod(num_images, size)
    if pieces == 0:
        return [num_images]
    sizes = [size] * pieces
    if rest == 1:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


@dataclass(frozen=True, kw_only=True)
class GhostBN:
    """Factory of `GhostBatchNorm` layers: the settings of `models.norms.batch_norm.BN`, and

    size: images in a piece, at least 2.
    """

    size: int
    momentum: float | None
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)
        if self.size < 2:
            raise ValueError(
                f"norm.size={self.size} leaves pieces without a second image to compare with: give at least 2, or "
                "choose norm=in for the statistics of each image alone"
            )

    def __call__(self, num_channels: int) -> GhostBatchNorm:
        return GhostBatchNorm(num_channels, size=self.size, eps=self.eps, momentum=self.momentum, affine=self.affine)
