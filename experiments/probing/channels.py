"""The values of a layer channel by channel, in float64, and which channels do not vary."""

from torch import Tensor


def in_float64(x: Tensor) -> Tensor:
    """x detached and in float64, where it lies or, from Apple's GPUs, which have no float64, on the CPU."""
    x = x.detach()
    return (x.cpu() if x.device.type == "mps" else x).double()


def channel_rows(x: Tensor) -> Tensor:
    """(N, C) as it is, (N, C, H, W) as (N·H·W, C): a column a channel."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])


def spread(x: Tensor, largest: int) -> Tensor:
    """At most `largest` entries along the first axis, evenly spread.

    Every n-th one with n odd: the sizes of feature maps are mostly even, and an even n would come upon the same columns
    of each map again and again.
    """
    return x if len(x) <= largest else x[:: -(-len(x) // largest) | 1]


def constant(mean: Tensor, variance: Tensor) -> Tensor:
    """Which channels, given their moments, do not vary: σ ≤ |μ| / 10⁶, bool, of the same shape.

    A ReLU that never opens or a scale γ of 0 makes such channels. Their σ is not always 0: in float32 the mean of equal
    values may differ from them by a few times 10⁻⁷ of their size.
    """
    return variance <= 1e-12 * mean.square()
