"""Layer normalization with an affine map per element: every neuron has its own gain and bias, as the paper has it.

    y = γ (x − μ) / √(σ² + ε) + β

Axes: μ and σ² of a sample are taken over C for (N, C) and over C, H, W for (N, C, H, W), σ² biased, as in `ln`.
Affine: γ and β of shape (C,) or (C, H, W), one pair per element, 1 and 0 at the start. The layer then fits images of
one size only; it learns that size from the first batch it sees, and has no shape before.
Training and evaluation are the same: nothing is stored, and no sample sees another.

Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450, §3 (equation 3) and §3.1 (a gain and a bias for each neuron).
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from models.norms.normalization import Normalization, require_eps, require_several_values


class LayerNormElementwise(Normalization):
    """Layer normalization of (N, C) or (N, C, H, W), with parameters of the sample's whole shape.

    Raises ValueError on samples of one value, and on samples of another shape than the first ones.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, num_channels: int, eps: float, affine: bool) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.weight = nn.UninitializedParameter() if affine else None  # type: ignore[assignment]
        self.bias = nn.UninitializedParameter() if affine else None  # type: ignore[assignment]

    def reset_parameters(self) -> None:
        if self.weight is not None and self.bias is not None:
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        require_several_values(self, x, num_sets=1)
        shape = x.shape[1:]
        if isinstance(self.weight, nn.UninitializedParameter) and isinstance(self.bias, nn.UninitializedParameter):
            self.weight.materialize(shape)
            self.bias.materialize(shape)
            self.reset_parameters()
        if self.weight is not None and self.weight.shape != shape:
            raise ValueError(
                f"ln_chw learned an affine map of shape {tuple(self.weight.shape)} and cannot take samples of shape "
                f"{tuple(shape)}: build the network for images of this size, or choose norm=ln"
            )
        return F.layer_norm(x, shape, self.weight, self.bias, self.eps)

    def sets(self, x: Tensor) -> Tensor:
        """Samples: (N, C) of (N, C), (N, C·H·W) of (N, C, H, W)."""
        return x.flatten(1)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, affine={self.weight is not None}"


@dataclass(frozen=True, kw_only=True)
class LNElementwise:
    """Factory of `LayerNormElementwise` layers. eps: added to the variance. affine: whether γ and β are learned."""

    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)

    def __call__(self, num_channels: int) -> LayerNormElementwise:
        return LayerNormElementwise(num_channels, eps=self.eps, affine=self.affine)
