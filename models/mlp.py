"""Multi-layer perceptrons on flattened images.

    input norm? → flatten → [linear → norm, ReLU] × hidden layers → linear

`norm, ReLU` stand in the order that `norm_position` names. The first layer is sized from the images.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from models.dropout import DropoutPosition, dropout_at
from models.input_norm import make_input_norm
from models.normalized_layer import NormalizedLayer, NormPosition
from models.norms.batch_norm import BatchNorm
from models.norms.layer_norm import LayerNorm
from models.norms.normalization import Norm, Normalization
from models.width import widened

SecondNorm = Literal["same", "bn", "ln"]


class MLP(nn.Module):
    """Images (N, C, H, W) to logits (N, classes). `inner_dropout` acts between the hidden layers."""

    def __init__(
        self,
        input_norm: nn.Module,
        hidden: Sequence[NormalizedLayer],
        inner_dropout: nn.Module,
        last_dropout: nn.Module,
        classifier: nn.Linear,
    ) -> None:
        super().__init__()
        self.input_norm = input_norm
        self.hidden = nn.ModuleList(hidden)
        self.inner_dropout = inner_dropout
        self.last_dropout = last_dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        x = self.input_norm(x).flatten(1)  # (N, C·H·W)
        for index, layer in enumerate(self.hidden):
            x = layer(x if index == 0 else self.inner_dropout(x))  # (N, units)
        return self.classifier(self.last_dropout(x))


def mlp(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    hidden: tuple[int, ...],
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """A perceptron with hidden layers of the sizes `hidden` times `width`.

    Raises ValueError on an impossible size, width or dropout, and on dropout between the layers of a single one.
    """
    if not hidden or min(hidden) < 1:
        raise ValueError(
            f"model.hidden={list(hidden)} must name the size of each hidden layer, such as [50] or [256,32]"
        )
    if len(hidden) == 1 and dropout > 0 and dropout_position == "before_norm":
        raise ValueError(
            "model.dropout_position=before_norm stands between hidden layers, and this model has one: "
            "choose model.dropout_position=last"
        )
    first_norm = make_input_norm(norm, input_norm, image_shape[0])
    sizes = [math.prod(image_shape), *(widened(size, width) for size in hidden)]
    layers = [
        NormalizedLayer(partial(nn.Linear, num_in, num_out), norm(num_out), norm_position)
        for num_in, num_out in pairwise(sizes)
    ]
    return MLP(
        first_norm,
        layers,
        dropout_at("before_norm", dropout, dropout_position),
        dropout_at("last", dropout, dropout_position),
        nn.Linear(sizes[-1], num_classes),
    )


def mlp_mixed(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    second_norm: SecondNorm,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """A perceptron with hidden layers of 256 and 32 units times `width`, which may have different norms.

    second_norm: the norm of the second hidden layer: `same` as the first layer's, or PyTorch's `bn` or `ln` with its
    default settings. A place that has no norm (norm=none, or model.norms) has none whatever this says.
    Raises ValueError on an impossible second norm, width or dropout.
    """
    if second_norm not in ("same", "bn", "ln"):
        raise ValueError(f"model.second_norm={second_norm} is unknown: choose same, bn or ln")
    return mlp(
        _with_second_norm(norm, second_norm, place=2 if input_norm else 1),
        image_shape,
        num_classes,
        hidden=(256, 32),
        input_norm=input_norm,
        norm_position=norm_position,
        dropout=dropout,
        dropout_position=dropout_position,
        width=width,
    )


def _with_second_norm(norm: Norm, second_norm: SecondNorm, place: int) -> Norm:
    """The factory `norm`, but making the second norm at the call with the index `place`, if a norm stands there."""
    calls = iter(range(place + 1))

    def make(num_channels: int) -> nn.Module:
        made = norm(num_channels)
        if next(calls) < place or second_norm == "same" or not isinstance(made, Normalization):
            return made
        return BatchNorm(num_channels) if second_norm == "bn" else LayerNorm(num_channels)

    return make
