"""Sizes of the weights, and the learning rate as scale-invariant weights feel it.

    weight_norms/norm/<layer>             ‖w‖₂ of the weight of each convolution and linear layer, biases left out
    weight_norms/total                    ‖w‖₂ of all of them together
    weight_norms/effective_rate/<layer>   lr / ‖w‖², lr the rate of the coming step, for the weights that the norm after
                                          them makes scale-invariant (experiments/probing/layers.py)
    weight_norms/mean_effective_rate      geometric mean of these

A norm directly after a layer takes the scale out of its weights: only w / ‖w‖ matters, and a step of plain gradient
descent turns that by lr / ‖w‖² times the gradient at unit length. Momentum multiplies all rates by the same factor,
which is left out; Adam's steps do not shrink with the gradient, so that its own effective rate would be lr / ‖w‖.
Infinite where w is 0. A network without such weights has no effective rates.

Cost: next to nothing.

Sources: van Laarhoven 2017, arXiv 1706.05350, §2; Hoffer et al. 2018, arXiv 1803.01814.
"""

import logging

import torch
from torch import Tensor, nn

from experiments.probing.layers import Layer, by_layer, scale_invariant_weights, weight_layers
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, HeatMap, Profile

log = logging.getLogger("normlab")

CHARTS = (
    Profile(
        name="weight_norms",
        title="Size of the weights by depth",
        label="‖w‖",
        quantity="weight_norms/norm",
    ),
    Curves(
        name="weight_norms_effective_rate",
        title="Effective learning rate of the weights before a norm",
        label="lr / ‖w‖², geometric mean",
        metrics={"effective rate": "weight_norms/mean_effective_rate"},
        log=True,
    ),
    HeatMap(
        name="weight_norms_effective_rate_map",
        title="Effective learning rate by depth and step",
        label="lr / ‖w‖²",
        quantity="weight_norms/effective_rate",
        log=True,
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network."""
    optimizer = surroundings.settings.recipe.optimizer
    if not scale_invariant_weights(model):
        log.info("probe weight_norms: no weight stands directly before a norm, so there are no effective rates")
    elif optimizer != "sgd":
        log.info("probe weight_norms: effective rates are those of SGD, lr/‖w‖²; with %s read lr/‖w‖", optimizer)
    return WeightNorms()


class WeightNorms(Probe):
    """Norms of tensors that are there already."""

    steps = 0.05

    def measure(self, live: Live) -> Measured:
        network = live.state.model  # looked at, no more: a copy would cost more than the norms
        layers = weight_layers(network)
        norms = _norms(layers)
        values = by_layer("weight_norms/norm", _by_name(layers, norms))
        values["weight_norms/total"] = torch.linalg.vector_norm(norms).item()
        invariant = scale_invariant_weights(network)
        if invariant:
            rates = live.surroundings.coming_rate(live.step) / _norms(invariant).square()
            values |= by_layer("weight_norms/effective_rate", _by_name(invariant, rates))
            values["weight_norms/mean_effective_rate"] = rates.log().mean().exp().item()
        return Measured(values)


def _norms(layers: list[Layer]) -> Tensor:
    """‖w‖₂ of each layer's weight, float64 on the CPU."""
    weights = [layer.module.get_parameter("weight").detach().cpu() for layer in layers]
    return torch.stack([torch.linalg.vector_norm(weight, dtype=torch.float64) for weight in weights])


def _by_name(layers: list[Layer], values: Tensor) -> dict[str, float]:
    return dict(zip([layer.name for layer in layers], values.tolist(), strict=True))
