"""Which modules' outputs are the network's hidden representations h_1, h_2, …, and how many layers apart they are."""

from typing import ClassVar

from torch import nn


class HiddenLayer(nn.Module):
    """Marker base of the units that a network is a chain of: its output is the h that the next unit sees.

    Where one stands inside another (the layers of a residual block), the outer one is the unit of the chain.
    """

    num_layers: ClassVar[int] = 1
    """Layers with weights between its input and its output, along the longest path: a shortcut's do not count."""
