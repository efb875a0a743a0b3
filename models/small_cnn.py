"""A small convolutional net: two 3×3 convolutions with 32 and 64 maps, a hidden layer of 128 units, a classifier.

    input norm? → [conv 3×3 → norm, ReLU → max-pool 2] × 2 → linear 128 → norm, ReLU → linear

`norm, ReLU` stand in the order that `norm_position` names. The hidden layer is sized from the images.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from models.convolution import Convolution
from models.dropout import DropoutPosition, dropout_at
from models.input_norm import make_input_norm
from models.normalized_layer import NormalizedLayer, NormPosition
from models.norms.normalization import Norm
from models.width import widened


class SmallCNN(nn.Module):
    """Images (N, C, H, W) to logits (N, classes). `inner_dropout` acts before the second and the hidden layer."""

    def __init__(
        self,
        input_norm: nn.Module,
        layers: tuple[NormalizedLayer, NormalizedLayer, NormalizedLayer],
        inner_dropout: nn.Module,
        last_dropout: nn.Module,
        classifier: nn.Linear,
    ) -> None:
        super().__init__()
        self.input_norm = input_norm
        self.first, self.second, self.hidden = layers
        self.inner_dropout = inner_dropout
        self.last_dropout = last_dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.first(self.input_norm(x)), 2)  # (N, 32, H/2, W/2)
        x = F.max_pool2d(self.second(self.inner_dropout(x)), 2)  # (N, 64, H/4, W/4)
        x = self.hidden(self.inner_dropout(x).flatten(1))  # (N, 128)
        return self.classifier(self.last_dropout(x))


def small_cnn(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    padding: int,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """The small net for images of `image_shape` (channels, height, width), its 32, 64 and 128 features times `width`.

    padding: of the convolutions; 1 keeps the size of the maps, 0 takes two pixels off each time.
    Raises ValueError if the images are too small, and on an impossible padding, width or dropout.
    """
    num_channels, height, width_pixels = image_shape
    if padding not in (0, 1):
        raise ValueError(f"model.padding={padding} is not supported: choose 1 (keeps the size) or 0")
    maps = [_pooled_twice(size, padding) for size in (height, width_pixels)]
    if min(maps) < 1:
        raise ValueError(
            f"images of {height}x{width_pixels} are too small for small_cnn with model.padding={padding}: "
            f"choose images of at least {4 if padding else 10} pixels a side"
        )
    first_norm = make_input_norm(norm, input_norm, num_channels)
    sizes = [widened(features, width) for features in (32, 64, 128)]
    make_layers: tuple[Callable[..., nn.Conv2d | nn.Linear], ...] = (
        partial(Convolution, num_channels, sizes[0], 3, padding=padding),
        partial(Convolution, sizes[0], sizes[1], 3, padding=padding),
        partial(nn.Linear, sizes[1] * maps[0] * maps[1], sizes[2]),
    )
    first, second, hidden = (
        NormalizedLayer(make_layer, norm(size), norm_position)
        for make_layer, size in zip(make_layers, sizes, strict=True)
    )
    return SmallCNN(
        first_norm,
        (first, second, hidden),
        dropout_at("before_norm", dropout, dropout_position),
        dropout_at("last", dropout, dropout_position),
        nn.Linear(sizes[2], num_classes),
    )


def _pooled_twice(size: int, padding: int) -> int:
    """The side of the maps after two times a 3×3 convolution and a 2×2 pool."""
    for _ in range(2):
        size = max(size - 2 + 2 * padding, 0) // 2
    return size
