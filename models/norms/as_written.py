"""Formulas for batch normalization that are wrong in one way each, as they stand in texts about it, to be measured.

With μ and σ² a channel's mean and population variance over N, or over N, H, W, and x̂ = (x − μ)/√(σ² + ε):

    from_statistics              y = γ x̂ + β          γ = σ/√(2σ² + ε), β = μ/√(2σ² + ε): nothing is learned
    not_divided                  y = γ (x − μ) + β    γ, β learned, 1 and 0 at the start
    from_statistics_not_divided  y = γ (x − μ) + β    γ, β as in from_statistics
    random_gamma                 y = γ x̂ + β          γ starts at draws from N(0, 0.05²), β at 0
    gamma_01_beta_3              y = γ x̂ + β          γ starts at 0.1, β at 3
    by_sum                       y = z/√Σz²           z = a x̂ + b, learned, 1 and 0 at the start; Σ over the channel's
                                                      m values in the batch, so that the root mean square is 1/√m
    min_max                      y from 0 to 1        (x̂ − min x̂)/(max x̂ − min x̂ + ε) over the same values
    one_set_of_statistics        y = γ x̂ + β          with the batch's μ and σ² in evaluation too (batch_bound_bn.py)

Affine: what is learned has the shape (C,); `weight` holds γ or a and `bias` β or b. Where β is not learned the layer
before carries a bias. Where γ and β follow from μ and σ, gradients pass through them.
Training: as above; the running statistics move as batch normalization's.
Evaluation: running μ and σ² in the same formula. by_sum takes m from the last batch of training (buffer num_values) and
    Σz² = m (a² σ²/(σ² + ε) + b²), which is what it is in training; min_max takes running extremes of x̂ (buffers
    running_low and running_high, averaged by `momentum`).

A denominator √(σ² + ε) with σ for the variance itself is no formula of these: that one is right.

Source: none; what is right is in Ioffe & Szegedy 2015, arXiv 1502.03167, §3, algorithms 1 and 2.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from models.initialize import Draw, DrawsParameters
from models.norms.batch_bound_bn import BatchBoundBatchNorm
from models.norms.batch_norm import require_momentum, require_spread
from models.norms.channel_statistics import ChannelStatistics, at_least_float32, batch_moments, channels_of, unbiased
from models.norms.normalization import Normalization, require_eps

TINY = 1e-30  # keeps roots of 0 differentiable; no variance that matters is as small


class _Written(ChannelStatistics):
    """Base: a formula in μ and σ² (`about_the_mean`), with those of the batch in training. Raises as `BatchNorm`."""

    learns: ClassVar[bool] = True

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum, affine=self.learns)

    def in_training(self, x: Tensor) -> Tensor:
        require_spread(x)
        mean, var = batch_moments(x)
        y = self.scaled_about(x, mean, var)
        self.track(mean.detach(), unbiased(var.detach(), x))
        return y


class FromStatistics(_Written):
    """γ and β made of μ and σ."""

    learns: ClassVar[bool] = False
    standardizes: ClassVar[bool] = False
    removes_scale: bool = False  # a bias beside what is scaled stays in β

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        inverse = torch.rsqrt(2 * var + self.eps)
        return var.clamp_min(TINY).sqrt() * inverse * torch.rsqrt(var + self.eps), mean * inverse


class NotDivided(_Written):
    """The mean is taken off, and nothing divided."""

    standardizes: ClassVar[bool] = False
    removes_scale: bool = False

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        assert self.weight is not None
        assert self.bias is not None
        return self.weight.to(var.dtype), self.bias.to(var.dtype)


class FromStatisticsNotDivided(FromStatistics):
    """Both at once."""

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        inverse = torch.rsqrt(2 * var + self.eps)
        return var.clamp_min(TINY).sqrt() * inverse, mean * inverse


class RandomGamma(_Written, DrawsParameters):
    """Batch normalization whose γ starts at small random values of both signs; outside of a network, at 1."""

    def draw_parameters(self, draw: Draw) -> None:
        assert self.weight is not None
        self.weight.copy_(0.05 * draw("weight", self.weight.shape))


class GammaBetaApart(_Written):
    """Batch normalization whose γ starts at 0.1 and whose β starts at 3."""

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        assert self.weight is not None
        assert self.bias is not None
        nn.init.constant_(self.weight, 0.1)
        nn.init.constant_(self.bias, 3.0)


class BySum(_Written):
    """Divided by the root of the sum of squares, not of their mean."""

    plain_in_training: ClassVar[bool] = False  # m is the batch's
    standardizes: ClassVar[bool] = False
    num_values: Tensor

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum)
        self.register_buffer("num_values", torch.tensor(1))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.num_values.fill_(1)

    def in_training(self, x: Tensor) -> Tensor:
        self.num_values.fill_(x.numel() // x.shape[1])
        return super().in_training(x)

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        scale, offset = super().about_the_mean(mean, var)  # of z about μ
        squares = self.num_values.to(var.dtype) * (scale.square() * var + offset.square())  # Σz²
        inverse = torch.rsqrt(squares.clamp_min(TINY))
        return scale * inverse, offset * inverse


class MinMax(_Written):
    """Standardized and then brought to the range from 0 to 1 by the extremes."""

    learns: ClassVar[bool] = False
    plain_in_training: ClassVar[bool] = False
    standardizes: ClassVar[bool] = False
    running_low: Tensor
    running_high: Tensor

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None) -> None:
        super().__init__(num_channels, eps=eps, momentum=momentum)
        self.register_buffer("running_low", torch.zeros(num_channels))
        self.register_buffer("running_high", torch.ones(num_channels))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.running_low.zero_()
        self.running_high.fill_(1)

    def in_training(self, x: Tensor) -> Tensor:
        require_spread(x)
        mean, var = batch_moments(x)
        x_hat = (at_least_float32(x) - channels_of(mean, x)) * channels_of(torch.rsqrt(var + self.eps), x)
        axes = (0, *range(2, x.dim()))
        low, high = x_hat.amin(axes), x_hat.amax(axes)
        extremes = (self.running_low, low.detach()), (self.running_high, high.detach())
        self.track(mean.detach(), unbiased(var.detach(), x), *extremes)
        return (x_hat - channels_of(low, x)) / channels_of(high - low + self.eps, x)

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """With the running extremes, so in evaluation."""
        inverse = 1 / (self.running_high - self.running_low + self.eps)
        return torch.rsqrt(var + self.eps) * inverse, (-self.running_low * inverse).expand_as(mean)


Formula = Literal[
    "from_statistics",
    "not_divided",
    "from_statistics_not_divided",
    "random_gamma",
    "gamma_01_beta_3",
    "by_sum",
    "min_max",
    "one_set_of_statistics",
]
LAYERS: dict[str, type[_Written]] = {
    "from_statistics": FromStatistics,
    "not_divided": NotDivided,
    "from_statistics_not_divided": FromStatisticsNotDivided,
    "random_gamma": RandomGamma,
    "gamma_01_beta_3": GammaBetaApart,
    "by_sum": BySum,
    "min_max": MinMax,
}


@dataclass(frozen=True, kw_only=True)
class AsWritten:
    """Factory of layers that compute one of the formulas above.

    formula: its name. eps: ε. momentum: the weight of the newest batch in the running statistics, None for the plain
    average; one_set_of_statistics has none to move.
    """

    formula: Formula
    momentum: float | None
    eps: float

    def __post_init__(self) -> None:
        require_eps(self.eps)
        require_momentum(self.momentum)
        if self.formula not in get_args(Formula):
            raise ValueError(f"norm.formula={self.formula} is unknown: choose one of {', '.join(get_args(Formula))}")

    def __call__(self, num_channels: int) -> Normalization:
        if self.formula == "one_set_of_statistics":
            return BatchBoundBatchNorm(num_channels, eps=self.eps)
        return LAYERS[self.formula](num_channels, eps=self.eps, momentum=self.momentum)
