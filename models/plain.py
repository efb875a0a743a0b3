"""Plain networks for small images: the residual ones without their shortcuts (He et al. 2015, arXiv 1512.03385, §4.2).

The layers have the names and shapes of those in models/resnet.py: with one seed both nets start from the same weights.
"""

from functools import partial

from torch import Tensor, nn

from models.convolution import Convolution
from models.dropout import DropoutPosition, dropout_at
from models.input_norm import make_input_norm
from models.normalized_layer import NormalizedLayer, NormPosition
from models.norms.normalization import Norm
from models.staged_net import StagedNet, make_blocks
from models.width import widened


class PlainBlock(nn.Module):
    """Two 3×3 convolutions, each with its norm and ReLU in the order that `norm_position` names (`NormalizedLayer`)."""

    def __init__(
        self,
        num_in: int,
        num_out: int,
        stride: int,
        *,
        norm: Norm,
        norm_position: NormPosition,
        dropout: float,
        dropout_position: DropoutPosition,
    ) -> None:
        super().__init__()
        conv1 = partial(Convolution, num_in, num_out, 3, stride=stride, padding=1)
        conv2 = partial(Convolution, num_out, num_out, 3, padding=1)
        self.first = NormalizedLayer(conv1, norm(num_out), norm_position)
        self.dropout = dropout_at("before_norm", dropout, dropout_position)
        self.second = NormalizedLayer(conv2, norm(num_out), norm_position)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.dropout(self.first(x)))


def plain(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """A plain network of `depth` = 6n + 2 layers, with 16, 32 and 64 channels times `width`.

    Raises ValueError on an impossible depth, width or dropout.
    """
    num_channels, first, last = image_shape[0], widened(16, width), widened(64, width)
    first_norm = make_input_norm(norm, input_norm, num_channels)
    stem = NormalizedLayer(partial(Convolution, num_channels, first, 3, padding=1), norm(first), norm_position)
    make_block = partial(
        PlainBlock, norm=norm, norm_position=norm_position, dropout=dropout, dropout_position=dropout_position
    )
    blocks = make_blocks(make_block, depth, width)
    last_dropout = dropout_at("last", dropout, dropout_position)
    return StagedNet(first_norm, stem, blocks, last_dropout, nn.Linear(last, num_classes))
