"""The batch norm of one of the documents' listings, in our own words: one set of statistics for both modes."""

import torch
from torch import Tensor, nn


class ListingNorm(nn.Module):
    """(x − μ)/√(σ² + ε) · γ + β with the statistics of the input at hand, in training and in evaluation alike.

    dim: the axes that μ and σ² are taken over; the listing takes the last one, the channels (…, C).
    momentum: taken and never used, as in the listing.
    num_channels: of the last axis; γ and β have one value for each, γ random around 0 (deviation .05), β 0.
    """

    def __init__(
        self, num_channels: int, dim: int | tuple[int, ...] = -1, momentum: float = 0.9, eps: float = 1e-3
    ) -> None:
        super().__init__()
        self.dim = dim
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(0.05 * torch.randn(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=self.dim, correction=0, keepdim=True)
        return (x - mean) / (variance + self.eps).sqrt() * self.weight + self.bias
