"""Norms that are wrong on purpose, to see that checks notice."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments.checks.layers import standardized

EPS = 1e-5
PER_CHANNEL = {2: (0,), 4: (0, 2, 3)}  # the axes of batch norm, by the number of axes


class Affine(nn.Module):
    """γ x̂ + β with any x̂."""

    def __init__(self, num_channels: int, normalize: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.normalize = normalize
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = [1, -1] + [1] * (x.dim() - 2)
        return self.normalize(x) * self.weight.view(shape) + self.bias.view(shape)


def with_x_hat(normalize: Callable[[Tensor], Tensor]) -> Callable[[int], nn.Module]:
    return lambda num_channels: Affine(num_channels, normalize)


def over(*dims: int) -> Callable[[int], nn.Module]:
    """Statistics over these axes."""
    return with_x_hat(lambda x: standardized(x, dims, EPS))


def ghost(parts: int) -> Callable[[int], nn.Module]:
    return with_x_hat(lambda x: torch.cat([standardized(part, 0, EPS) for part in x.chunk(parts)]))


def min_max(x: Tensor) -> Tensor:
    return (x - x.amin(0)) / (x.amax(0) - x.amin(0)).clamp(min=1e-12)


def only_some(num_features: int) -> Callable[[int], nn.Module]:
    """Batch norm of the first features alone."""
    return with_x_hat(
        lambda x: torch.cat([standardized(x[:, :num_features], 0, EPS), x[:, num_features:] + 100], dim=1)
    )


def constant_statistics(x: Tensor) -> Tensor:
    """x̂ whose statistics have no gradient."""
    variance, mean = torch.var_mean(x.detach(), dim=0, correction=0)
    return (x - mean) / (variance + EPS).sqrt()


class RandomGamma(Affine):
    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, lambda x: standardized(x, 0, EPS))
        nn.init.normal_(self.weight)


class FromStatistics(Affine):
    """γ and β set from the batch, as one document has it."""

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, lambda x: x - x.mean(0))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        divisor = (2 * variance + EPS).sqrt()
        with torch.no_grad():
            self.weight.copy_(variance.sqrt() / divisor)
            self.bias.copy_(mean / divisor)
        return super().forward(x)


class PerDatum(Affine):
    """A γ for each value of a batch of 64, which no gradient reaches."""

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, lambda x: standardized(x, 0, EPS))
        self.weight = nn.Parameter(torch.ones(64, num_channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.normalize(x) * self.weight.detach() + self.bias


class LearnedStatistics(nn.Module):
    """μ and σ² are parameters, with a gradient."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.running_mean = nn.Parameter(torch.zeros(num_channels))
        self.running_var = nn.Parameter(torch.ones(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.running_mean) / (self.running_var + EPS).sqrt()


class DoubleShift(Affine):
    """β added twice."""

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels, lambda x: standardized(x, 0, EPS))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias
