"""What all norm layers share: the marker class by which they are selected, and the type of their factories."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""A norm factory: `norm(num_channels)` makes a layer that maps (N, C) and (N, C, H, W) to the same shape."""


class Normalization(nn.Module):
    """Marker base of every norm layer, so that layers are selected with `isinstance`, never by name.

    A layer with a learned scale has a parameter called `weight` (γ in the papers), one with a learned shift has one
    called `bias` (β); where the layer has none, the attribute is None.
    """

    needs_positions: ClassVar[bool] = False
    """True if the layer normalizes over the positions of a feature map alone: a vector (N, C) then stays as it is."""


def require_eps(eps: float) -> None:
    """Raise ValueError unless `eps`, which is added to a variance, can keep the division safe."""
    if not eps > 0:
        raise ValueError(f"norm.eps={eps} cannot guard a division by zero: give a small number above 0, such as 1e-5")


def require_several_values(layer: nn.Module, x: Tensor, num_sets: int) -> None:
    """Raise ValueError if each of the `num_sets` sets that the layer normalizes in a sample of x is a single value."""
    if x[0].numel() <= num_sets:
        raise ValueError(
            f"{type(layer).__name__} met samples of shape {tuple(x.shape[1:])}, in which every value would be its own "
            "mean and vanish: choose larger images, another model, or norm=bn"
        )
