"""The skeleton of the CIFAR networks of He et al. 2015 (arXiv 1512.03385, §4.2), residual and plain.

    input norm? → stem (3×3, 16) → n blocks of 16 → n blocks of 32, stride 2 → n of 64, stride 2 → mean → classifier

A block has two 3×3 convolutions, so that the depth is 6n + 2.
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from models.width import widened

MakeBlock = Callable[[int, int, int], nn.Module]
"""make_block(num_in, num_out, stride), called in the order of the forward pass."""

STAGES = ((16, 1), (32, 2), (64, 2))  # channels at width 1, and the stride of the first block


class StagedNet(nn.Module):
    """Images (N, C, H, W) to logits (N, classes)."""

    def __init__(
        self, input_norm: nn.Module, stem: nn.Module, blocks: nn.Sequential, dropout: nn.Module, classifier: nn.Module
    ) -> None:
        super().__init__()
        self.input_norm = input_norm
        self.stem = stem
        self.blocks = blocks
        self.dropout = dropout
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(self.input_norm(x))  # (N, 16, H, W)
        x = self.blocks(x)  # (N, 64, ⌈H/4⌉, ⌈W/4⌉)
        x = x.mean(dim=(2, 3))  # (N, 64)
        return self.classifier(self.dropout(x))


MOST_LAYERS = 2000  # a layer takes a millisecond to make; He et al. 2015 went to 1,202


def blocks_per_stage(depth: int) -> int:
    """n of depth = 6n + 2. Raises ValueError on another depth."""
    if depth > MOST_LAYERS:
        raise ValueError(
            f"model.depth={depth} is more than {MOST_LAYERS:,} layers: choose a depth such as 8, 20 or 110"
        )
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        raise ValueError(f"model.depth={depth} is not 6n + 2: choose a depth such as 8, 20, 32, 44, 56 or 110")
    return n


def make_blocks(make_block: MakeBlock, depth: int, width: float) -> nn.Sequential:
    """All blocks of the three stages, one after the other."""
    return nn.Sequential(*(make_block(*shape) for shape in _block_shapes(depth, width)))


def _block_shapes(depth: int, width: float) -> Iterator[tuple[int, int, int]]:
    num_in = widened(STAGES[0][0], width)
    for channels, first_stride in STAGES:
        num_out = widened(channels, width)
        for index in range(blocks_per_stage(depth)):
            yield num_in, num_out, first_stride if index == 0 else 1
            num_in = num_out
