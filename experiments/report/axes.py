"""Axes that several figures share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def batch_size_axis(axes: "Axes", sizes: Sequence[int]) -> None:
    """A logarithmic horizontal axis of batch sizes, with a tick at each of them."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("test images in a batch, B")
