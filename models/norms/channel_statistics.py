"""What the variants of batch normalization share: γ, β and running statistics of each channel, and their formulas.

Everything is written in operations that PyTorch differentiates and compiles by itself; nothing in a forward pass looks
at a value. Statistics of half-precision inputs are taken in float32, and the output has the input's type.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from models.norms.batch_norm import require_channels_second
from models.norms.normalization import RunningStatistics


class ChannelStatistics(RunningStatistics):
    """Base with the parameters and buffers of batch normalization under the same names; evaluation is the same too.

    Buffers: running_mean (C,) starts at 0, running_var (C,) at 1, num_batches_tracked () counts what was averaged.
    Raises ValueError on another number of axes than two and four.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    num_batches_tracked: Tensor

    def __init__(self, num_channels: int, *, eps: float, momentum: float | None, affine: bool) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_var", torch.ones(num_channels))
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
        y = self.in_training(x) if self.training else self.in_evaluation(x)
        return y.to(x.dtype)

    @abstractmethod
    def in_training(self, x: Tensor) -> Tensor:
        """The output in training, of x as `forward` takes it; moves the running statistics."""

    def in_evaluation(self, x: Tensor) -> Tensor:
        """The output in evaluation."""
        return self.with_statistics(x, self.running_mean, self.running_var)

    def scaled_about(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        """γ (x − μ)/√(σ² + ε) + β, with μ and σ² (C,).

        In this order, unlike `with_statistics`, a mean that is large beside σ costs no digits.
        """
        scale, offset = self.about_the_mean(mean, var)
        mean, scale, offset = (channels_of(each, x) for each in (mean, scale, offset))
        return (x - mean) * scale + offset

    def about_the_mean(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and offset (C,) of y = scale · (x − μ) + offset: what a subclass with another formula overrides."""
        scale = torch.rsqrt(var + self.eps)
        scale = scale if self.weight is None else scale * self.weight.to(scale.dtype)
        return scale, torch.zeros_like(scale) if self.bias is None else self.bias.to(scale.dtype)

    def affine_map(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Slope and shift of y = slope · x + shift; the shapes are those of `mean`."""
        scale, offset = self.about_the_mean(mean, var)
        return scale, offset - mean * scale

    @torch.no_grad()
    def track(self, mean: Tensor, var: Tensor, *others: tuple[Tensor, Tensor]) -> None:
        """Move the running statistics towards these, by `momentum`, or so that all batches weigh the same.

        others: further running values (C,) of a subclass, each with the batch's.
        """
        if self.held:
            return
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked.to(mean.dtype) if self.momentum is None else self.momentum
        for running, newest in ((self.running_mean, mean), (self.running_var, var), *others):
            running.add_(weight * (newest - running))

    def extra_repr(self) -> str:
        return f"{self.num_channels}, eps={self.eps}, momentum={self.momentum}, affine={self.weight is not None}"


def at_least_float32(x: Tensor) -> Tensor:
    """x, but half precision as float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def channels_of(values: Tensor, x: Tensor) -> Tensor:
    """`values` (C,) or (N, C) in a shape that broadcasts with x, (N, C) or (N, C, H, W)."""
    return values[..., None, None] if x.dim() == 4 else values


def batch_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and population variance (C,) of x, (N, C) or (N, C, H, W), over images and positions; float32 at least."""
    return moments(at_least_float32(x), (0, *range(2, x.dim())))


def moments(x: Tensor, axes: tuple[int, ...], keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and population variance over `axes`, in two passes; on CPUs faster than `torch.var_mean`."""
    mean = x.mean(axes, keepdim=True)
    var = (x - mean).square().mean(axes, keepdim=keepdim)
    return (mean if keepdim else mean.squeeze(axes)), var


def unbiased(var: Tensor, x: Tensor) -> Tensor:
    """The variance (C,) of the values of x divided by m − 1 instead of m values per channel."""
    count = x.numel() // x.shape[1]
    return var * (count / max(count - 1, 1))
