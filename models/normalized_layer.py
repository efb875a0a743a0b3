"""A layer with weights, its norm and its activation: the unit that every network here is made of."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

NormPosition = Literal["before", "after"]


def has_shift(module: nn.Module) -> bool:
    """Whether the module adds a learned shift, which makes a bias directly before it redundant."""
    return getattr(module, "bias", None) is not None


class NormalizedLayer(nn.Module):
    """A convolution or linear layer, a norm, and a ReLU.

    norm_position before:  y = relu(norm(layer(x))), or y = norm(layer(x)) with activation=False
    norm_position after:   y = norm(relu(layer(x)))

    The layer carries a bias exactly where no shift follows directly: the norm has none, or the ReLU stands between.

    make_layer: called once with bias=True or bias=False; makes the layer with the weights.
    """

    def __init__(
        self,
        make_layer: Callable[..., nn.Conv2d | nn.Linear],
        norm: nn.Module,
        norm_position: NormPosition = "before",
        *,
        activation: bool = True,
    ) -> None:
        super().__init__()
        self.norm_position = norm_position
        self.activation = activation
        self.layer = make_layer(bias=norm_position == "after" or not has_shift(norm))
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        if self.norm_position == "after":
            return self.norm(F.relu(x))
        x = self.norm(x)
        return F.relu(x) if self.activation else x
