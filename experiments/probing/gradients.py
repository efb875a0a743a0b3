"""Gradients of one batch in several places of weight space, with the same random draws in each, and how they differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from experiments.probing.live import Live


class SameDraws:
    """The coming batch, on which every loss is taken with the same draws (dropout): else noise would be measured.

    What draws next, such as the coming optimizer step, begins with these draws too after `rewind`.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._x, self._y = live.surroundings.coming_batch(live.step)
        self._seed = int(torch.randint(2**62, ()))

    def rewind(self) -> None:
        """Put the generators of all devices to where they are before every loss."""
        torch.manual_seed(self._seed)

    def loss_and_gradients(self, network: nn.Module, of: Sequence[Tensor]) -> tuple[float, list[Tensor]]:
        """The loss (nats) and ∂loss/∂t of each tensor t, float32."""
        self.rewind()
        loss = self._live.loss(network, self._x, self._y)
        return loss.item(), self._live.gradients(loss, list(of))


@dataclass(frozen=True)
class Difference:
    """How far a gradient G′ is from G, all their tensors taken as one vector; NaN where ‖G‖ is 0."""

    distance: float  # ‖G′ − G‖₂
    relative: float  # ‖G′ − G‖₂ / ‖G‖₂
    cosine: float  # of the angle between them, NaN also where ‖G′‖ is 0

    @classmethod
    def between(cls, old: list[Tensor], new: list[Tensor]) -> "Difference":
        """Of G and G′, tensors of equal shapes; sums in float64."""
        moved = [_exact(b) - _exact(a) for a, b in zip(old, new, strict=True)]
        distance, norm = norm_of(moved), norm_of(old)
        return cls(distance, ratio(distance, norm), ratio(ratio(_inner(old, new), norm), norm_of(new)))


def norm_of(tensors: list[Tensor]) -> float:
    """‖·‖₂ of all of them as one vector, summed in float64."""
    return math.sqrt(_inner(tensors, tensors))


def ratio(numerator: float, denominator: float) -> float:
    """Their ratio, NaN where the denominator is 0."""
    return numerator / denominator if denominator else math.nan


def _inner(one: list[Tensor], other: list[Tensor]) -> float:
    products = [(_exact(a) * _exact(b)).sum() for a, b in zip(one, other, strict=True)]
    return torch.stack(products).sum().item()


def _exact(tensor: Tensor) -> Tensor:
    """In float64, which MPS does not have."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).detach().double()
