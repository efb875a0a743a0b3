"""torchvision's ResNet with this project's norms and biases. Importing this file imports torchvision."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import ClassVar

import torch
from torch import nn
from torchvision.models import resnet

from models.convolution import Convolution
from models.initialize import ResidualBlock
from models.normalized_layer import NormalizedLayer
from models.norms.normalization import Norm, NormWithActivation


class Basic(resnet.BasicBlock, ResidualBlock):
    """Two 3×3 convolutions and a shortcut."""

    @property
    def branch_norm(self) -> nn.Module:
        return self.get_submodule("conv2.norm")


class Bottleneck(resnet.Bottleneck, ResidualBlock):
    """A 1×1, a 3×3 and a 1×1 convolution with four times as many outputs, and a shortcut."""

    num_layers: ClassVar[int] = 3

    @property
    def branch_norm(self) -> nn.Module:
        return self.get_submodule("conv3.norm")


class Place(nn.Identity):
    """Where torchvision puts a norm of `num_channels`."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()


def make_features(norm: Norm, num_channels: int, depth: int, blocks: Sequence[int], small_stem: bool) -> nn.Module:
    """torchvision's network for images of `num_channels`, (N, C, H, W) to (N, features): its classifier is taken off.

    torchvision makes the norm of a projection before those of its block, and convolutions without biases. Here it makes
    places alone, and no weights; then each convolution with a place after it becomes one `NormalizedLayer`, which knows
    whether it needs a bias, in the order of the forward pass.
    """
    with torch.device("meta"):  # no memory, no draws
        net = resnet.ResNet(Bottleneck if depth == 50 else Basic, list(blocks), norm_layer=Place)
    net.fc = nn.Identity()
    if small_stem:
        net.conv1 = nn.Conv2d(num_channels, 64, 3, padding=1, device="meta")
        net.maxpool = nn.Identity()
    else:
        net.conv1 = nn.Conv2d(num_channels, 64, 7, stride=2, padding=3, device="meta")
    for parent in list(net.modules()):  # a block comes before its projection, as in the forward pass
        for (name, conv), (_, place) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(place, Place):
                setattr(parent, name, _normalized(conv, norm))
    return net


def _normalized(conv: nn.Conv2d, norm: Norm) -> NormalizedLayer:
    """A convolution of the same shape (all are square and padded by half), with its norm; the ReLU stands elsewhere."""
    size, stride = conv.kernel_size[0], conv.stride[0]
    make_layer = partial(Convolution, conv.in_channels, conv.out_channels, size, stride=stride, padding=size // 2)
    made = norm(conv.out_channels)
    if isinstance(made, NormWithActivation):
        raise ValueError(
            f"{type(made).__name__} is norm and activation in one, and torchvision's ResNet has ReLUs of its own: "
            "choose another norm, or model=resnet20"
        )
    return NormalizedLayer(make_layer, made, activation=False)
