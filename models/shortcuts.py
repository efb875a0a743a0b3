"""The two shortcuts of He et al. 2015 (arXiv 1512.03385, §3.3 and §4.2) around blocks that change the shape.

A: take every second position and fill the new channels with zeros. No parameters.
B: a 1×1 convolution with the block's stride, and a norm.

Where the shape stays the same both are the identity.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

ShortcutKind = Literal["A", "B"]


class PaddedShortcut(nn.Module):
    """Option A: (N, C, H, W) to (N, C', ⌈H/stride⌉, ⌈W/stride⌉), the channels beyond C being zero."""

    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        self.added_channels = num_out - num_in
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.added_channels))


class StridedProjection(nn.Conv2d):
    """A 1×1 convolution with a stride, computed as one without on every stride-th position: the same numbers.

    oneDNN's weight gradient of the strided form writes beyond its memory where a layer has fewer than 8 input channels
    (version 3.13, CPUs with AVX2 and no AVX-512, channels_last): the program then dies of a corrupted heap.
    """

    def __init__(self, num_in: int, num_out: int, stride: int, bias: bool = True) -> None:
        super().__init__(num_in, num_out, 1, stride=stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.stride
        return F.conv2d(x[:, :, ::rows, ::columns], self.weight, self.bias)


def make_shortcut(
    kind: ShortcutKind, num_in: int, num_out: int, stride: int, project: Callable[[Callable[..., nn.Conv2d]], nn.Module]
) -> nn.Module:
    """The shortcut of a block from `num_in` to `num_out` channels.

    project: turns the maker of the 1×1 convolution (called with `bias`) into the projection, so with the block's norm.
    Raises ValueError on another kind than A and B.
    """
    if kind not in ("A", "B"):
        raise ValueError(f"model.shortcut={kind} is unknown: choose A (zero-filled channels) or B (projection)")
    if num_in == num_out and stride == 1:
        return nn.Identity()
    if kind == "A":
        return PaddedShortcut(num_in, num_out, stride)
    return project(partial(StridedProjection, num_in, num_out, stride))
