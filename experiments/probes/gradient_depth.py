"""How the gradient grows or vanishes from layer to layer, on the coming training batch.

    gradient_depth/log_norm/<layer>   ln ‖∂L/∂h_l‖₂ of each hidden representation h_l, over the whole batch, L in nats
                                      per image: negative infinity where the gradient is exactly 0
    gradient_depth/slope              least-squares slope of these over the depth l in layers with weights
    gradient_depth/factor             e^slope: above 1 the gradient grows toward the output, so vanishes backward;
                                      below 1 it grows toward the input, so explodes backward
    gradient_depth/zeros              layers whose gradient is exactly 0 in the run's precision

Where some gradient is 0, everything but `zeros` is measured again in float64, whose smallest numbers are 1e-308 and not
1e-45: what vanished in training is then still measured. Layers that are 0 even so stay out of the slope.

Sources: Yang et al. 2019, arXiv 1902.08129, §1 and §3 (batch norm without shortcuts: gradients explode at
initialization); He et al. 2015, arXiv 1512.03385, §4.1.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.probing.layers import Layer, by_layer, hidden_layers, observed
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, HeatMap, Profile

CHARTS = (
    Profile(
        name="gradient_depth",
        title="Gradient by depth",
        label="ln ‖∂L/∂h‖ (L in nats)",
        quantity="gradient_depth/log_norm",
    ),
    Curves(
        name="gradient_depth_factor",
        title="Growth of the gradient per layer",
        label="factor per layer, e^slope",
        metrics={"factor": "gradient_depth/factor"},
    ),
    HeatMap(
        name="gradient_depth_map",
        title="Gradient by depth and step",
        label="ln ‖∂L/∂h‖",
        quantity="gradient_depth/log_norm",
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe."""
    return GradientDepth()


class GradientDepth(Probe):
    """One forward and one backward pass."""

    def measure(self, live: Live) -> Measured:
        x, y = live.surroundings.coming_batch(live.step)
        network, scaler = live.copied_network(), live.state.scaler
        found = norms_of_gradients(network, lambda: scaler.scale(live.loss(network, x, y)))
        norms = {name: norm / scaler.get_scale() for name, norm in found.items()}
        zeros = sum(norm == 0 for norm in norms.values())
        if zeros and x.device.type != "mps":  # which has no float64
            exact, smoothing = live.copied_network().double(), live.surroundings.settings.recipe.label_smoothing
            norms = norms_of_gradients(exact, lambda: F.cross_entropy(exact(x.double()), y, label_smoothing=smoothing))
        logs = {name: math.log(norm) if norm > 0 else -math.inf for name, norm in norms.items()}
        slope = depth_slope(hidden_layers(network), logs)
        return Measured(
            by_layer("gradient_depth/log_norm", logs)
            | {
                "gradient_depth/slope": slope,
                "gradient_depth/factor": math.exp(slope),
                "gradient_depth/zeros": float(zeros),
            }
        )


def norms_of_gradients(network: nn.Module, loss: Callable[[], Tensor]) -> dict[str, float]:
    """‖∂L/∂h‖₂ of each hidden layer's output, by its name; fills the network's gradients."""
    found: dict[str, Tensor] = {}

    def look(name: str, layer: Layer, x: Tensor, h: Tensor) -> None:
        h.register_hook(lambda gradient: found.update({name: torch.linalg.vector_norm(gradient).detach()}))

    layers = hidden_layers(network)
    with observed(layers, look):
        loss().backward()
    return {layer.name: found[layer.name].item() for layer in layers}


def depth_slope(layers: list[Layer], logs: Mapping[str, float]) -> float:
    """The least-squares slope of the finite ones of `logs` over the depth of their layers; NaN of fewer than two."""
    finite = [layer for layer in layers if math.isfinite(logs[layer.name])]
    depths, values = [layer.depth for layer in finite], [logs[layer.name] for layer in finite]
    return float(np.polyfit(depths, values, 1)[0]) if len(set(depths)) > 1 else math.nan
