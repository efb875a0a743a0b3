"""Batch normalization and its kin in NumPy, float64, on (N, C) or (N, C, H, W): references for the tests of norms."""

import numpy as np
import torch
from torch import nn

EPS = 1e-5
MAPS, VECTORS = (5, 6, 2, 3), (7, 6)  # (N, C, H, W), (N, C)


def batch(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Channels of unlike mean and size, float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    along = (1, shape[1]) + (1,) * (len(shape) - 2)
    sizes = 0.5 + 2 * torch.rand(along, generator=generator, dtype=torch.float64)
    return x * sizes + 2 * torch.randn(along, generator=generator, dtype=torch.float64)


def per_channel(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(C,) in a shape that broadcasts with x."""
    return values.reshape((1, -1) + (1,) * (x.ndim - 2))


def channel_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, population variance and unbiased variance of each channel, (C,)."""
    columns = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    return columns.mean(0), columns.var(0), columns.var(0, ddof=1)


def normalized(x: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
    return (x - per_channel(mean, x)) / np.sqrt(per_channel(var, x) + EPS)


def affine(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """γ x + β with the layer's."""
    weight, bias = (parameter.detach().numpy() for parameter in (module.weight, module.bias))
    return per_channel(weight, x) * x + per_channel(bias, x)


def stir(module: nn.Module, seed: int = 3) -> nn.Module:
    """Every parameter, in the order of their names, at draws of both signs."""
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in sorted(module.named_parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


def close(found: torch.Tensor, expected: np.ndarray, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=atol)
