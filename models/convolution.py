"""The convolution of all networks here: that of PyTorch, without the taps that meet nothing but padding.

A 3×3 kernel with padding 1 over a map of one position multiplies that position by its middle tap; the other eight meet
padding alone, add nothing, and have a gradient of zero. oneDNN leaves that gradient unwritten in bfloat16 (version
3.13, CPUs with AVX-512): it is whatever stood in the memory, 1e33 or no number at all. Here such taps are cut off,
which is the same function, and their gradient is zero.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Conv2d):
    """A convolution of maps (N, C, H, W), with a padding of zeros that is given in numbers, and without dilation."""

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self._reached(axis, x.shape[axis + 2]) for axis in (0, 1))
        if (len(rows), len(columns)) == self.kernel_size:
            return super().forward(x)
        weight = self.weight[:, :, rows.start : rows.stop, columns.start : columns.stop]
        padding = (int(self.padding[0]) - rows.start, int(self.padding[1]) - columns.start)
        return F.conv2d(x, weight, self.bias, self.stride, padding, groups=self.groups)

    def _reached(self, axis: int, size: int) -> range:
        return reached(size, self.kernel_size[axis], self.stride[axis], int(self.padding[axis]))


def reached(size: int, kernel: int, stride: int, padding: int) -> range:
    """The taps of a kernel that meet a position of a map, along one side; all where the map is too small for it.

    At output i, tap t meets position i·stride − padding + t, which is one of the map's from 0 to size − 1.
    """
    last = (size + 2 * padding - kernel) // stride  # output
    if last < 0:
        return range(kernel)
    return range(max(0, padding - last * stride), min(kernel, size + padding))
