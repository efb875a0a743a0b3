"""VGG-11 for small images: configuration A of Simonyan & Zisserman 2014 (arXiv 1409.1556, table 1) up to its last pool.

    input norm? → 8 × [conv 3×3 → norm, ReLU], with 5 max-pools between → mean over positions → linear

The three wide linear layers of the ImageNet net are replaced by one, as is usual on CIFAR. The pools round up, so that
28×28 images (28, 14, 7, 4, 2, 1) fit as 32×32 ones do; of larger images the last maps are averaged.
"""

from functools import partial
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from models.convolution import Convolution
from models.dropout import DropoutPosition, dropout_at
from models.input_norm import make_input_norm
from models.normalized_layer import NormalizedLayer, NormPosition
from models.norms.normalization import Norm
from models.width import widened

CHANNELS = (64, 128, 256, 256, 512, 512, 512, 512)
POOLED = (True, True, False, True, False, True, False, True)  # whether a pool follows the convolution


class VGG(nn.Module):
    """Images (N, C, H, W) to logits (N, classes). `inner_dropout` acts between the convolutions."""

    def __init__(
        self,
        input_norm: nn.Module,
        layers: list[NormalizedLayer],
        inner_dropout: nn.Module,
        last_dropout: nn.Module,
        classifier: nn.Linear,
    ) -> None:
        super().__init__()
        self.input_norm = input_norm
        self.layers = nn.ModuleList(layers)
        self.inner_dropout = inner_dropout
        self.last_dropout = last_dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        x = self.input_norm(x)
        for index, (layer, pooled) in enumerate(zip(self.layers, POOLED, strict=True)):
            x = layer(x if index == 0 else self.inner_dropout(x))
            if pooled:
                x = F.max_pool2d(x, 2, ceil_mode=True)
        x = x.mean(dim=(2, 3))  # (N, 512)
        return self.classifier(self.last_dropout(x))


def vgg11(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
) -> nn.Module:
    """VGG-11 with its channels times `width`. Raises ValueError on an impossible width or dropout."""
    first_norm = make_input_norm(norm, input_norm, image_shape[0])
    sizes = [image_shape[0], *(widened(channels, width) for channels in CHANNELS)]
    layers = [
        NormalizedLayer(partial(Convolution, num_in, num_out, 3, padding=1), norm(num_out), norm_position)
        for num_in, num_out in pairwise(sizes)
    ]
    return VGG(
        first_norm,
        layers,
        dropout_at("before_norm", dropout, dropout_position),
        dropout_at("last", dropout, dropout_position),
        nn.Linear(sizes[-1], num_classes),
    )
