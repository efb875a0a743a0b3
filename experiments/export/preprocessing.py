"""From pixels to the numbers that a network sees, as a part of the network."""

from typing import Any

import torch
from torch import Tensor, nn

from data.split_images import SplitImages

IN_WORDS = {
    "standardized": "each channel: pixel / 255, minus its mean, divided by its standard deviation",
    "unit": "pixel / 255, from 0 to 1",
    "raw": "the pixel as it is, from 0 to 255",
}


class Preprocessed(nn.Module):
    """logits = network((images − offset) · factor): uint8 images (N, H, W, C), pixels 0 to 255, to (N, classes).

    offset, factor: per channel, (C,); the arithmetic is that of `data.scaling.Scaling`.
    """

    offset: Tensor
    factor: Tensor

    def __init__(self, network: nn.Module, offset: Tensor, factor: Tensor) -> None:
        super().__init__()
        self.network = network
        # not among the weights: the description of an export says them in numbers
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("factor", factor, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = images.to(self.offset.dtype).sub(self.offset).mul(self.factor)  # (N, H, W, C)
        return self.network(x.permute(0, 3, 1, 2))


def describe(images: SplitImages, settings: dict[str, Any], included: bool) -> dict[str, Any]:
    """The preprocessing in words and numbers.

    settings: scaling, mean and std. included: whether the exported network does it itself.
    """
    return {
        "included": included,
        "formula": "x = (pixel - offset) * factor, per channel, in float32; then axes N, H, W, C to N, C, H, W",
        "in_words": IN_WORDS[settings["scaling"]],
        **settings,
        "offset": images.scaling.offset[0, 0].tolist(),
        "factor": images.scaling.factor[0, 0].tolist(),
    }


def attached(network: nn.Module, described: dict[str, Any]) -> nn.Module:
    """`network` with its preprocessing, where the description says that it is included."""
    if not described["included"]:
        return network
    offset, factor = (torch.tensor(described[key], dtype=torch.float32) for key in ("offset", "factor"))
    return Preprocessed(network, offset, factor)


def inputs(images: SplitImages, count: int, included: bool) -> Tensor:
    """The first `count` images as the exported network takes them, on the CPU."""
    if included:
        return images.pixels(torch.arange(count)).cpu()
    return images.batch(torch.arange(count), None)[0].cpu()
