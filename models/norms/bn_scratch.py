"""Batch normalization written out, to be read next to the paper: Ioffe & Szegedy 2015, arXiv 1502.03167.

    y = γ (x − μ) / √(σ² + ε) + β

Names are the paper's: B = {x₁ … xₘ} holds the values of one channel over a mini-batch, ℓ is the loss. Everything below
works on a matrix (m, C), a column a channel, since channels do not see each other. For vectors (N, C), m is N; for
feature maps (N, C, H, W) the values at all positions belong to B too, and m is N·H·W (§3.2).

Axes: μ and σ² over the m rows, so over N, or N, H, W.
Affine: γ and β of shape (C,), one pair per channel and layer (§3.2), 1 and 0 at the start.
Training: Algorithm 1, with the statistics of the batch; backward by the equations at the end of §3.
Evaluation: Algorithm 2, lines 9 to 12, with the running statistics in place of the population's.

The layer equals `torch.nn.BatchNorm1d` and `BatchNorm2d`, has the same parameters and buffers under the same names, and
is several times slower; models/norms/batch_norm.py is the one to train with.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from models.norms.batch_norm import require_channels_second, require_momentum, require_spread
from models.norms.normalization import RunningStatistics, require_eps


class BatchNormalizingTransform(torch.autograd.Function):
    """Algorithm 1, BN_{γ,β}: x₁…ₘ ↦ y₁…ₘ, and its derivatives. Returns y and the batch's μ and (biased) σ²."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, γ: Tensor, β: Tensor, ε: float) -> tuple[Tensor, Tensor, Tensor]:
        m = x.shape[0]

        # μ_B ← 1/m Σ xᵢ
        μ = x.sum(0) / m  # (C,)

        # σ²_B ← 1/m Σ (xᵢ − μ_B)²
        σ2 = ((x - μ) ** 2).sum(0) / m  # (C,)

        # x̂ᵢ ← (xᵢ − μ_B) / √(σ²_B + ε)
        x_hat = (x - μ) / (σ2 + ε).sqrt()  # (m, C)

        # yᵢ ← γ x̂ᵢ + β
        y = γ * x_hat + β  # (m, C)

        ctx.save_for_backward(x, γ, μ, σ2)
        ctx.ε = ε
        ctx.mark_non_differentiable(μ, σ2)
        return y, μ, σ2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """From ∂ℓ/∂y, called dy here, to ∂ℓ/∂x, ∂ℓ/∂γ and ∂ℓ/∂β, in the order of the paper's six equations."""
        x, γ, μ, σ2 = ctx.saved_tensors
        ε, m = ctx.ε, x.shape[0]
        x_hat = (x - μ) / (σ2 + ε).sqrt()

        # ∂ℓ/∂x̂ᵢ = ∂ℓ/∂yᵢ · γ
        dx_hat = dy * γ  # (m, C)

        # ∂ℓ/∂σ² = Σ ∂ℓ/∂x̂ᵢ · (xᵢ − μ) · −½ (σ² + ε)^(−3/2)
        dσ2 = (dx_hat * (x - μ) * -1 / 2 * (σ2 + ε) ** (-3 / 2)).sum(0)  # (C,)

        # ∂ℓ/∂μ = (Σ ∂ℓ/∂x̂ᵢ · −1/√(σ² + ε)) + ∂ℓ/∂σ² · (Σ −2 (xᵢ − μ)) / m
        dμ = (dx_hat * -1 / (σ2 + ε).sqrt()).sum(0) + dσ2 * (-2 * (x - μ)).sum(0) / m  # (C,)

        # ∂ℓ/∂xᵢ = ∂ℓ/∂x̂ᵢ · 1/√(σ² + ε) + ∂ℓ/∂σ² · 2 (xᵢ − μ) / m + ∂ℓ/∂μ · 1/m
        dx = dx_hat / (σ2 + ε).sqrt() + dσ2 * 2 * (x - μ) / m + dμ / m  # (m, C)

        # ∂ℓ/∂γ = Σ ∂ℓ/∂yᵢ · x̂ᵢ
        dγ = (dy * x_hat).sum(0)  # (C,)

        # ∂ℓ/∂β = Σ ∂ℓ/∂yᵢ
        dβ = dy.sum(0)  # (C,)

        return dx, dγ, dβ, None


def inference_transform(x: Tensor, γ: Tensor, β: Tensor, mean: Tensor, var: Tensor, ε: float) -> Tensor:
    """Algorithm 2, line 11: with fixed statistics the layer is one affine map per channel."""
    # y = γ/√(Var[x] + ε) · x + (β − γ E[x]/√(Var[x] + ε))
    slope = γ / (var + ε).sqrt()  # (C,)
    return slope * x + (β - slope * mean)  # (m, C)


class BatchNormScratch(RunningStatistics):
    """Batch normalization of (N, C) and (N, C, H, W) by the equations above.

    Raises ValueError on another number of axes, and in training on a batch with a single value per channel.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_channels: int, eps: float, momentum: float | None, affine: bool) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None  # γ
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None  # β
        self.register_buffer("running_mean", torch.zeros(num_channels))  # estimates E[x]
        self.register_buffer("running_var", torch.ones(num_channels))  # estimates Var[x]
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def reset_parameters(self) -> None:
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches_tracked.zero_()
        if self.weight is not None and self.bias is not None:
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        require_channels_second(x)
        rows = x.movedim(1, -1).reshape(-1, x.shape[1]).to(self.running_mean.dtype)  # (m, C)
        γ = torch.ones_like(self.running_mean) if self.weight is None else self.weight
        β = torch.zeros_like(self.running_mean) if self.bias is None else self.bias

        if self.training:
            require_spread(x)
            y, μ, σ2 = BatchNormalizingTransform.apply(rows, γ, β, self.eps)
            self._track(μ, σ2, m=rows.shape[0])
        else:
            y = inference_transform(rows, γ, β, self.running_mean, self.running_var, self.eps)

        return y.to(x.dtype).reshape(x.movedim(1, -1).shape).movedim(-1, 1)

    @torch.no_grad()
    def _track(self, μ: Tensor, σ2: Tensor, m: int) -> None:
        """Algorithm 2, line 10, as an average over the batches seen: E[x] of μ_B, Var[x] of m/(m−1) σ²_B.

        The factor m/(m−1) makes the variance's estimate unbiased; x̂ itself uses the biased σ²_B (§3.1). The average is
        exponential with the weight `momentum` for the newest batch (§3.1, "moving averages"), or plain for None.
        """
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked.to(μ.dtype) if self.momentum is None else self.momentum
        self.running_mean += weight * (μ - self.running_mean)
        self.running_var += weight * (m / (m - 1) * σ2 - self.running_var)

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}"


@dataclass(frozen=True, kw_only=True)
class BNScratch:
    """Factory of `BatchNormScratch` layers, with the settings of `models.norms.batch_norm.BN`."""

    momentum: float | None
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)

    def __call__(self, num_channels: int) -> BatchNormScratch:
        return BatchNormScratch(num_channels, eps=self.eps, momentum=self.momentum, affine=self.affine)
