"""The forward pass of a perceptron of NormalizedLayers in NumPy, float64: what stands before and after each norm."""

from typing import Any

import numpy as np
import torch
from live_runs import arrays

from experiments.probing.live import Live

EPS = 1e-5
LAYERS = ("001.hidden.0.norm", "002.hidden.1.norm")


def standardized(z: np.ndarray, norm: str) -> np.ndarray:
    """x̂ of vectors (N, C) under bn, ln or none."""
    if norm == "none":
        return z
    axis = {"bn": 0, "ln": 1}[norm]
    return (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + EPS)


def before_and_after(live: Live, norm: str, x: torch.Tensor, weights: Any = None) -> dict[str, list[np.ndarray]]:
    """(N, C) of each hidden layer before its norm, x̂, and after it, under the live weights or others."""
    w = weights or arrays(live)
    found: dict[str, list[np.ndarray]] = {"before": [], "xhat": [], "after": []}
    h = x.numpy().reshape(len(x), -1).astype(np.float64)
    for index in range(len(LAYERS)):
        z = h @ w[f"hidden.{index}.layer.weight"].T + w.get(f"hidden.{index}.layer.bias", 0.0)
        xhat = standardized(z, norm)
        y = xhat * w.get(f"hidden.{index}.norm.weight", 1.0) + w.get(f"hidden.{index}.norm.bias", 0.0)
        for side, value in (("before", z), ("xhat", xhat), ("after", y)):
            found[side].append(value)
        h = np.maximum(y, 0)
    return found
