"""A perceptron's loss and gradients, forward and backward written out in NumPy, for the probes that need both."""

import numpy as np

EPS = 1e-5
Weights = dict[str, np.ndarray]


def loss_and_gradients(weights: Weights, images: np.ndarray, labels: np.ndarray) -> tuple[float, Weights]:
    """Cross-entropy in nats of images (B, C, H, W), and its gradient by each parameter's name."""
    loss, gradients, _ = backpropagated(weights, images, labels)
    return loss, gradients


def backpropagated(weights: Weights, images: np.ndarray, labels: np.ndarray) -> tuple[float, Weights, list[np.ndarray]]:
    """The same, and the gradient with respect to the output of each hidden layer, (B, units), from the first on.

    Each hidden layer is linear, then batch norm, layer norm or none, then ReLU, as the names of the weights say: layer
    norm has no running mean. Other entries than parameters are ignored.
    """
    batch = len(labels)
    h = images.reshape(batch, -1).astype(weights["classifier.weight"].dtype)
    tapes = []
    for index in range(sum(name.endswith(".layer.weight") for name in weights)):
        place = f"hidden.{index}"
        below, z = h, h @ weights[f"{place}.layer.weight"].T
        axis, normalized, std = 0, z, np.ones(1)
        if f"{place}.norm.weight" in weights:
            axis = 0 if f"{place}.norm.running_mean" in weights else 1
            std = np.sqrt(z.var(axis, keepdims=True) + EPS)
            normalized = (z - z.mean(axis, keepdims=True)) / std
            z = normalized * weights[f"{place}.norm.weight"] + weights[f"{place}.norm.bias"]
        else:
            z = z + weights[f"{place}.layer.bias"]
        h = np.maximum(z, 0)
        tapes.append((place, below, axis, normalized, std, z > 0))
    logits = h @ weights["classifier.weight"].T + weights["classifier.bias"]
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    back = np.exp(log_p)
    back[np.arange(batch), labels] -= 1
    back /= batch  # ∂L/∂logits
    found = {"classifier.weight": back.T @ h, "classifier.bias": back.sum(0)}
    back = back @ weights["classifier.weight"]
    of_outputs = []
    for place, below, axis, normalized, std, positive in reversed(tapes):
        of_outputs.append(back)
        back = back * positive
        if f"{place}.norm.weight" in weights:
            found[f"{place}.norm.weight"] = (back * normalized).sum(0)
            found[f"{place}.norm.bias"] = back.sum(0)
            back = back * weights[f"{place}.norm.weight"]
            mean, slope = back.mean(axis, keepdims=True), (back * normalized).mean(axis, keepdims=True)
            back = (back - mean - normalized * slope) / std
        else:
            found[f"{place}.layer.bias"] = back.sum(0)
        found[f"{place}.layer.weight"] = back.T @ below
        back = back @ weights[f"{place}.layer.weight"]
    return -log_p[np.arange(batch), labels].mean(), found, of_outputs[::-1]


def flat(gradients: Weights, names: list[str]) -> np.ndarray:
    """Those of these names as one vector."""
    return np.concatenate([gradients[name].ravel() for name in names])
