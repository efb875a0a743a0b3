"""Images as sequences, for networks that read one step after the other.

An image of one row and one channel, (1, 1, T), is a sequence of T codes, each of which becomes a vector of zeros with a
one at its place (data/text.py; a code is the number of a class). Any other, (C, H, W), is read row by row: H steps of
C·W values, from the top.
"""

import torch
from torch import Tensor, nn

from models.input_norm import make_input_norm
from models.normalized_layer import NormPosition
from models.norms.normalization import Norm, Normalization, norm_alone

ImageShape = tuple[int, int, int]


class Steps(nn.Module):
    """Images (N, C, H, W) to steps (N, T, features)."""

    def __init__(self, input_norm: nn.Module, image_shape: ImageShape, num_classes: int) -> None:
        super().__init__()
        self.input_norm = input_norm
        self.num_codes = num_classes if holds_codes(image_shape) else None
        channels, height, width = image_shape
        self.length, self.features = (width, num_classes) if self.num_codes else (height, channels * width)

    def forward(self, x: Tensor) -> Tensor:
        if self.num_codes is not None:
            # Compared rather than looked up: a value that is no code gives zeros, and CUDA need not wait for a check.
            return (x.flatten(1)[..., None] == torch.arange(self.num_codes, device=x.device)).to(x.dtype)
        return self.input_norm(x).transpose(1, 2).flatten(2)  # (N, H, C·W)


def holds_codes(image_shape: ImageShape) -> bool:
    """Whether images (C, H, W) of this shape are sequences of codes."""
    return image_shape[:2] == (1, 1)


def make_steps(norm: Norm, image_shape: ImageShape, num_classes: int, input_norm: bool) -> Steps:
    """How images of `image_shape` are read. Raises ValueError on a norm of codes."""
    if input_norm and holds_codes(image_shape):
        raise ValueError("model.input_norm=true would normalize codes of characters: leave it at false")
    return Steps(make_input_norm(norm, input_norm, image_shape[0]), image_shape, num_classes)


def make_norm(norm: Norm, num_channels: int) -> nn.Module:
    """A norm in a sequence model: no activation follows it, and it belongs to no layer with weights.

    Raises ValueError on a norm that would have such a layer's weights standardized.
    """
    made = norm_alone(norm, num_channels)
    if isinstance(made, Normalization) and made.standardizes_weights:
        raise ValueError(
            f"{type(made).__name__} standardizes the weights of the layer that it belongs to, and in a sequence model "
            "norms belong to none: choose norm=gn, or a convolutional model"
        )
    return made


def refuse_positions(norm_position: NormPosition) -> None:
    """Raise ValueError unless the norms stand where a sequence model has them."""
    if norm_position != "before":
        raise ValueError(
            f"model.norm_position={norm_position} has no meaning in a sequence model, whose norms do not stand beside "
            "an activation: leave it at before"
        )
