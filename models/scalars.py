"""Single learned numbers, which stand in for a norm's affine map in nets without a norm."""

import torch
from torch import Tensor, nn


class Scalar(nn.Module):
    """Base of the two layers below, by which an optimizer can select their parameters."""


class ScalarShift(Scalar):
    """y = x + b, with b one number for the whole tensor, 0 at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class ScalarScale(Scalar):
    """y = a x, with a one number for the whole tensor, `start` at the start."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = start
        self.weight = nn.Parameter(torch.tensor([start]))

    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, self.start)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
