"""The hidden layers of a perceptron in evaluation mode, written out in NumPy, for the probes that look at them."""

import numpy as np
import torch
from live_runs import arrays

from experiments.probing.live import Live

EPS = 1e-5


def all_test_images(live: Live) -> np.ndarray:
    """All test images in float64, flat."""
    x, _ = live.surroundings.splits["test"].batch(torch.arange(len(live.surroundings.splits["test"])), None)
    return x.double().flatten(1).numpy()


def hidden(live: Live, x: np.ndarray) -> list[np.ndarray]:
    """The output (n, units) of each hidden layer: linear, then batch norm, layer norm or none, then ReLU."""
    w, found = arrays(live), []
    for index in range(sum(name.startswith("hidden.") and name.endswith(".layer.weight") for name in w)):
        place = f"hidden.{index}"
        x = x @ w[f"{place}.layer.weight"].T
        if f"{place}.norm.running_mean" in w:
            x = (x - w[f"{place}.norm.running_mean"]) / np.sqrt(w[f"{place}.norm.running_var"] + EPS)
        elif f"{place}.norm.weight" in w:
            x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + EPS)
        else:
            x = x + w[f"{place}.layer.bias"]
        if f"{place}.norm.weight" in w:
            x = x * w[f"{place}.norm.weight"] + w[f"{place}.norm.bias"]
        x = np.maximum(x, 0)
        found.append(x)
    return found
