"""Batch normalization whose layers share γ and β: one pair per channel for all layers of a width.

    y = γ (x − μ) / √(σ² + ε) + β

Layers with the same number of channels cannot scale and shift apart; what is saved is 2 C numbers a layer.

Axes, training, evaluation: batch normalization's (models/norms/batch_norm.py). Every layer keeps statistics of its own.
Affine: γ and β of shape (C,), 1 and 0 at the start, the same tensors in every layer with C channels; each layer adds to
    their gradient. In a state dict they stand under each layer's name, among a network's parameters once.

Source: none; Ioffe & Szegedy 2015, arXiv 1502.03167, §3.2, have a pair per feature map and layer. Kept to measure what
sharing them would change.
"""

from dataclasses import dataclass, field

from torch import nn

from models.norms.batch_norm import BatchNorm, require_momentum
from models.norms.normalization import require_eps


@dataclass(frozen=True, kw_only=True)
class SharedBN:
    """Factory of `BatchNorm` layers for one network: those with as many channels share their parameters.

    momentum, eps: as in `models.norms.batch_norm.BN`. Networks do not share: `models.build.build_model` makes each from
    a copy of the factory.
    """

    momentum: float | None
    eps: float
    _shared: dict[int, tuple[nn.Parameter, nn.Parameter]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)

    def __call__(self, num_channels: int) -> BatchNorm:
        layer = BatchNorm(num_channels, eps=self.eps, momentum=self.momentum, affine=True)
        layer.weight, layer.bias = self._shared.setdefault(num_channels, (layer.weight, layer.bias))
        return layer
