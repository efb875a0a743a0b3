"""Residual networks for large images: torchvision's ResNet-18, 34 and 50 (He et al. 2015, arXiv 1512.03385, §4.1).

    input norm? → 7×7 conv, stride 2 → norm, ReLU → max-pool 3, stride 2 → four stages of blocks → mean → classifier

In ResNet-50 the stride stands at the 3×3 convolution of a block, where torchvision has it, not at the first 1×1.

torchvision is imported when such a network is built and not before: it takes its time, and no other network needs it.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from models.dropout import DropoutPosition, dropout_at
from models.input_norm import make_input_norm
from models.normalized_layer import NormPosition
from models.norms.normalization import Norm

Stem = Literal["imagenet", "small"]
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # of each stage, by depth


class TorchvisionResNet(nn.Module):
    """Images (N, C, H, W) to logits (N, classes). `features` is torchvision's network without its classifier.

    pretrained: where the weights are published that it is to start from (models/pretrained.py).
    """

    def __init__(
        self,
        input_norm: nn.Module,
        features: nn.Module,
        dropout: nn.Module,
        classifier: nn.Linear,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.input_norm = input_norm
        self.features = features
        self.dropout = dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(self.input_norm(x))  # (N, 512), or (N, 2048) in ResNet-50
        return self.classifier(self.dropout(x))


def torchvision_resnet(
    norm: Norm,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int,
    stem: Stem,
    input_norm: bool,
    norm_position: NormPosition,
    dropout: float,
    dropout_position: DropoutPosition,
    width: float,
    weights: str | None,
) -> nn.Module:
    """The residual network of `depth` 18, 34 or 50 layers.

    stem: imagenet (7×7 convolution of stride 2 and a max-pool, which leave a quarter of the height and width), or small
    (3×3 of stride 1 and no pool, for images of 32 to 64 pixels).
    weights: the name of torchvision's weights that a run starts from, IMAGENET1K_V1 for one, or None.
    Raises ValueError on another depth, stem or name, on what torchvision's network has no place for (norms after the
    activations or with their own, dropout inside the blocks, another width), and where torchvision cannot be imported.
    """
    if depth not in BLOCKS:
        raise ValueError(f"model.depth={depth} is not among torchvision's: choose 18, 34 or 50")
    if stem not in ("imagenet", "small"):
        raise ValueError(f"model.stem={stem} is unknown: choose imagenet or small")
    _refuse_what_has_no_place(norm_position, dropout, dropout_position, width)
    make_features, address = _import_parts()
    pretrained = None if weights is None else address(depth, weights)
    first_norm = make_input_norm(norm, input_norm, image_shape[0])
    features = make_features(norm, image_shape[0], depth, BLOCKS[depth], small_stem=stem == "small")
    num_features = 2048 if depth == 50 else 512
    last_dropout = dropout_at("last", dropout, dropout_position)
    return TorchvisionResNet(first_norm, features, last_dropout, nn.Linear(num_features, num_classes), pretrained)


def _refuse_what_has_no_place(
    norm_position: NormPosition, dropout: float, dropout_position: DropoutPosition, width: float
) -> None:
    if norm_position != "before":
        raise ValueError(
            f"model.norm_position={norm_position} has no place in torchvision's ResNet: leave it at before, or choose "
            "model=resnet20"
        )
    if dropout > 0 and dropout_position != "last":
        raise ValueError(
            f"model.dropout_position={dropout_position} has no place in torchvision's ResNet: "
            "choose model.dropout_position=last"
        )
    if width != 1:
        raise ValueError(
            f"model.width={width} is not possible with torchvision's ResNet: leave it at 1, or choose model=resnet20"
        )


def _import_parts() -> tuple[Callable[..., nn.Module], Callable[[int, str], str]]:
    try:
        from models.pretrained import address
        from models.torchvision_parts import make_features
    except Exception as error:  # a torchvision built for another PyTorch raises RuntimeError or OSError
        reason = " ".join(str(error).split())
        raise ValueError(
            f"this network needs torchvision, which cannot be imported ({reason}): "
            f"install the torchvision that belongs to torch {torch.__version__}"
        ) from error
    return make_features, address
