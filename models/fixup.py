"""Fixup: residual networks without a norm (Zhang, Dauphin & Ma 2019, arXiv 1901.09321, §3, "Fixup initialization").

1. The classifier and the last convolution of each residual branch start at 0.
2. All other layers start by the usual scheme, those inside the branches times L^(−1/(2m−2)), with L branches in the
   net and m layers a branch; here m = 2, so that the first convolution of a branch starts at L^(−1/2) times its draw.
3. One scalar multiplier (1) ends each branch, and one scalar shift (0) stands before each convolution, linear layer and
   activation, except before the convolution that sees the image. The shifts take the place of the convolutions' biases.

The authors' code trains the scalars with a tenth of the learning rate; here they are `Scalar` modules.
"""

from typing import ClassVar

from torch import Tensor, nn

from models.convolution import Convolution
from models.dropout import DropoutPosition, dropout_at
from models.hidden import HiddenLayer
from models.initialize import AdjustsInitialization
from models.scalars import ScalarScale, ScalarShift
from models.shortcuts import ShortcutKind, make_shortcut

LAYERS_PER_BRANCH = 2  # m


class FixupStem(HiddenLayer):
    """y = relu(conv(x) + shift): (N, C, H, W) to (N, channels, H, W)."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.layer = Convolution(num_in, num_out, 3, padding=1, bias=False)
        self.shift = ScalarShift()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.shift(self.layer(x)))


class FixupLayer(nn.Module):
    """y = conv(x + shift), a 3×3 convolution without a bias of its own."""

    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        self.shift = ScalarShift()
        self.layer = Convolution(num_in, num_out, 3, stride=stride, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.shift(x))


class FixupBlock(HiddenLayer, AdjustsInitialization):
    """out = relu(s(x) + multiplier · conv2(relu(conv1(x + b1) + b2) + b3) + b4), with a shortcut s and scalars b1 … b4.

    num_branches: L, the number of such blocks in the net. A projection shortcut (option B) is a convolution without a
    norm and sees x + b1, as every convolution does.
    """

    num_layers: ClassVar[int] = LAYERS_PER_BRANCH

    def __init__(
        self,
        num_in: int,
        num_out: int,
        stride: int,
        *,
        num_branches: int,
        shortcut: ShortcutKind,
        dropout: float,
        dropout_position: DropoutPosition,
    ) -> None:
        super().__init__()
        self.num_branches = num_branches
        self.first = FixupLayer(num_in, num_out, stride)
        self.inner_shift = ScalarShift()
        self.inner_relu = nn.ReLU()
        self.dropout = dropout_at("before_norm", dropout, dropout_position)
        self.second = FixupLayer(num_out, num_out, 1)
        self.multiplier = ScalarScale(1.0)
        self.outer_shift = ScalarShift()
        self.relu = nn.ReLU()
        self.shortcut = make_shortcut(shortcut, num_in, num_out, stride, lambda make_conv: make_conv(bias=False))
        self.projects = isinstance(self.shortcut, nn.Conv2d)

    def adjust_initialization(self) -> None:
        self.first.layer.weight.mul_(self.num_branches ** (-1 / (2 * LAYERS_PER_BRANCH - 2)))
        self.second.layer.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.inner_relu(self.inner_shift(self.first(x)))
        branch = self.multiplier(self.second(self.dropout(branch)))
        shortcut = self.shortcut(self.first.shift(x) if self.projects else x)
        return self.relu(shortcut + self.outer_shift(branch))


class FixupClassifier(AdjustsInitialization):
    """logits = W (x + shift) + bias, with W = 0 at the start: (N, channels) to (N, classes)."""

    def __init__(self, num_in: int, num_classes: int) -> None:
        super().__init__()
        self.shift = ScalarShift()
        self.layer = nn.Linear(num_in, num_classes)

    def adjust_initialization(self) -> None:
        self.layer.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.shift(x))
