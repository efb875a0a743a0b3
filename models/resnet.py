"""Residual networks for small images: ResNet-20, 32, 44, 56, 110 (He et al. 2015, arXiv 1512.03385, §4.2).

With batch normalization, option A shortcuts and ten classes ResNet-20 has 269,722 parameters, 1,376 of them the norm's.
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from models.convolution import Convolution
from models.dropout import DropoutPosition, dropout_at
from models.fixup import FixupBlock, FixupClassifier, FixupStem
from models.initialize import ResidualBlock
from models.input_norm import make_input_norm
from models.normalized_layer import NormalizedLayer, NormPosition
from models.norms.normalization import Norm
from models.scalars import ScalarScale
from models.shortcuts import ShortcutKind, make_shortcut
from models.staged_net import MakeBlock, StagedNet, blocks_per_stage, make_blocks
from models.width import widened

Branch = Literal["standard", "fixup", "skipinit"]


class BasicBlock(ResidualBlock):
    """Two 3×3 convolutions and a shortcut s.

    norm_position before (He et al. 2015):  out = relu(s(x) + norm2(conv2(relu(norm1(conv1(x))))))
    norm_position after:                    out = s(x) + norm2(relu(conv2(norm1(relu(conv1(x))))))

    Dropout, where asked for inside the blocks, stands before the second convolution. `multiplier` ends the branch:
    the identity, or SkipInit's learned scalar, 0 at the start, so that the block starts as relu(s(x))
    (De & Smith 2020, arXiv 2002.10444, §3).
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        stride: int,
        *,
        norm: Norm,
        norm_position: NormPosition,
        shortcut: ShortcutKind,
        skipinit: bool,
        dropout: float,
        dropout_position: DropoutPosition,
    ) -> None:
        super().__init__()
        conv1 = partial(Convolution, num_in, num_out, 3, stride=stride, padding=1)
        conv2 = partial(Convolution, num_out, num_out, 3, padding=1)
        self.first = NormalizedLayer(conv1, norm(num_out), norm_position)
        self.dropout = dropout_at("before_norm", dropout, dropout_position)
        self.second = NormalizedLayer(conv2, norm(num_out), norm_position, activation=False)
        self.multiplier = ScalarScale(0.0) if skipinit else nn.Identity()
        self.shortcut = make_shortcut(
            shortcut, num_in, num_out, stride, lambda conv: NormalizedLayer(conv, norm(num_out), activation=False)
        )
        self.relu = nn.ReLU() if norm_position == "before" else nn.Identity()

    @property
    def branch_norm(self) -> nn.Module:
        return self.second.norm

    def forward(self, x: Tensor) -> Tensor:
        branch = self.multiplier(self.second(self.dropout(self.first(x))))
        return self.relu(self.shortcut(x) + branch)


def resnet(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int,
    shortcut: ShortcutKind,
    branch: Branch,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """A residual network of `depth` = 6n + 2 layers, with 16, 32 and 64 channels times `width`.

    branch: standard, or for nets without a norm fixup (models/fixup.py) or skipinit (`BasicBlock`).
    Raises ValueError on an impossible depth, width or dropout, and on fixup or skipinit together with a norm.
    """
    if branch not in ("standard", "fixup", "skipinit"):
        raise ValueError(f"model.branch={branch} is unknown: choose standard, fixup or skipinit")
    num_channels, first, last = image_shape[0], widened(16, width), widened(64, width)
    first_norm = make_input_norm(norm, input_norm, num_channels)
    if branch != "standard":
        norm = without_norms(norm, branch)
    if branch == "fixup":
        require_norm_before(norm_position)
        norm(first)  # no norm stands in a Fixup net: this call only refuses one
        stem: nn.Module = FixupStem(num_channels, first)
        make_block: MakeBlock = partial(
            FixupBlock,
            num_branches=3 * blocks_per_stage(depth),
            shortcut=shortcut,
            dropout=dropout,
            dropout_position=dropout_position,
        )
        classifier: nn.Module = FixupClassifier(last, num_classes)
    else:
        stem = NormalizedLayer(partial(Convolution, num_channels, first, 3, padding=1), norm(first), norm_position)
        make_block = partial(
            BasicBlock,
            norm=norm,
            norm_position=norm_position,
            shortcut=shortcut,
            skipinit=branch == "skipinit",
            dropout=dropout,
            dropout_position=dropout_position,
        )
        classifier = nn.Linear(last, num_classes)
    blocks = make_blocks(make_block, depth, width)
    return StagedNet(first_norm, stem, blocks, dropout_at("last", dropout, dropout_position), classifier)


def without_norms(norm: Norm, branch: Branch) -> Norm:
    """The same factory, but raising ValueError if it makes a layer: Fixup and SkipInit take a norm's place."""

    def checked(num_channels: int) -> nn.Module:
        made = norm(num_channels)
        if not isinstance(made, nn.Identity):
            raise ValueError(
                f"model.branch={branch} takes the place of a norm, yet {type(made).__name__} layers are asked for: "
                "choose norm=none, or model.branch=standard"
            )
        return made

    return checked


def require_norm_before(norm_position: NormPosition) -> None:
    """Raise ValueError on a norm position for Fixup, whose blocks have no norm to place."""
    if norm_position != "before":
        raise ValueError(
            f"model.norm_position={norm_position} has no meaning with model.branch=fixup: leave it at before"
        )
