"""The numbers that checks compute on: made up, and the same every time."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Draws of the standard normal distribution, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def uneven(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers (N, C, …) in which every sample and every feature has a mean and a scale of its own."""
    rest = [1] * (len(shape) - 2)
    samples = normal(2, shape[0], 1, *rest, seed=seed + 1)
    features = normal(2, 1, shape[1], *rest, seed=seed + 2)
    scale = (0.5 * (samples[0] + features[0])).exp()
    return normal(*shape, seed=seed) * scale + 2 * samples[1] + 2 * features[1]


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """PyTorch's global generator, from which layers draw their first weights, at a fixed state; then as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
