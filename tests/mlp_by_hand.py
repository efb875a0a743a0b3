"""A perceptron, forward and backward written out in NumPy, for the tests of probes."""

from dataclasses import dataclass

import numpy as np

EPS = 1e-5
LAYERS = ("001.hidden.0.norm", "002.hidden.1.norm")  # of two hidden layers
Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Hidden:
    """A hidden layer of a perceptron as a batch passes through it, each (B, units)."""

    place: str  # hidden.0, hidden.1, …
    below: np.ndarray  # its input
    before: np.ndarray  # what enters the norm
    normalized: np.ndarray  # x̂; without a norm the same
    after: np.ndarray  # what leaves it, before the ReLU
    std: np.ndarray  # √(σ² + ε), 1 without a norm
    axis: int  # over which σ² is taken


def forward(weights: Weights, images: np.ndarray) -> list[Hidden]:
    """The hidden layers for images (B, C, H, W).

    Each is linear, then batch norm, layer norm or none, then ReLU, as the names of the weights say: layer norm has no
    running mean. Other entries than parameters are ignored.
    """
    h = images.reshape(len(images), -1).astype(weights["classifier.weight"].dtype)
    found: list[Hidden] = []
    for index in range(sum(name.endswith(".layer.weight") for name in weights)):
        place = f"hidden.{index}"
        z = h @ weights[f"{place}.layer.weight"].T + weights.get(f"{place}.layer.bias", 0.0)
        axis, normalized, std, y = 0, z, np.ones(1), z
        if f"{place}.norm.weight" in weights:
            axis = 0 if f"{place}.norm.running_mean" in weights else 1
            std = np.sqrt(z.var(axis, keepdims=True) + EPS)
            normalized = (z - z.mean(axis, keepdims=True)) / std
            y = normalized * weights[f"{place}.norm.weight"] + weights[f"{place}.norm.bias"]
        found.append(Hidden(place, h, z, normalized, y, std, axis))
        h = np.maximum(y, 0)
    return found


def before_and_after(weights: Weights, images: np.ndarray) -> dict[str, list[np.ndarray]]:
    """What enters each norm, x̂, and what leaves it."""
    layers = forward(weights, images)
    return {
        "before": [layer.before for layer in layers],
        "xhat": [layer.normalized for layer in layers],
        "after": [layer.after for layer in layers],
    }


def loss_and_gradients(weights: Weights, images: np.ndarray, labels: np.ndarray) -> tuple[float, Weights]:
    """Cross-entropy in nats of images (B, C, H, W), and its gradient by each parameter's name."""
    loss, gradients, _ = backpropagated(weights, images, labels)
    return loss, gradients


def backpropagated(weights: Weights, images: np.ndarray, labels: np.ndarray) -> tuple[float, Weights, list[np.ndarray]]:
    """The same, and the gradient with respect to the output of each hidden layer, (B, units), from the first on."""
    batch, layers = len(labels), forward(weights, images)
    h = np.maximum(layers[-1].after, 0)
    logits = h @ weights["classifier.weight"].T + weights["classifier.bias"]
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    back = np.exp(log_p)
    back[np.arange(batch), labels] -= 1
    back /= batch  # ∂L/∂logits
    found = {"classifier.weight": back.T @ h, "classifier.bias": back.sum(0)}
    back = back @ weights["classifier.weight"]
    of_outputs = []
    for layer in reversed(layers):
        of_outputs.append(back)
        back = back * (layer.after > 0)
        if f"{layer.place}.norm.weight" in weights:
            found[f"{layer.place}.norm.weight"] = (back * layer.normalized).sum(0)
            found[f"{layer.place}.norm.bias"] = back.sum(0)
            back = back * weights[f"{layer.place}.norm.weight"]
            mean = back.mean(layer.axis, keepdims=True)
            slope = (back * layer.normalized).mean(layer.axis, keepdims=True)
            back = (back - mean - layer.normalized * slope) / layer.std
        else:
            found[f"{layer.place}.layer.bias"] = back.sum(0)
        found[f"{layer.place}.layer.weight"] = back.T @ layer.below
        back = back @ weights[f"{layer.place}.layer.weight"]
    return -log_p[np.arange(batch), labels].mean(), found, of_outputs[::-1]


def flat(gradients: Weights, names: list[str]) -> np.ndarray:
    """Those of these names as one vector."""
    return np.concatenate([gradients[name].ravel() for name in names])
