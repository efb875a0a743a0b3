"""Internal covariate shift as a change of gradients: what updating the layers below does to a layer's gradient.

On the coming training batch, for a layer i: G = ∂L/∂W_i as the network stands, and G′ the same with all parameters of
the layers below i (fewer layers with weights away from the input) as the coming optimizer step will leave them, with
its rate, momentum, weight decay and clipping. Layer i, what is above it and what is beside it (a shortcut) stay.

    gradient_ics/difference/<layer>    ‖G − G′‖₂, as the paper has it: grows with the gradient (L in nats)
    gradient_ics/relative/<layer>      ‖G − G′‖₂ / ‖G‖₂
    gradient_ics/cosine/<layer>        of the angle between G and G′: 1 where the layers below made no difference
    gradient_ics/mean_difference, mean_relative, mean_cosine    over these layers

for at most 10 of the convolutions and linear layers that do not stand in a shortcut, the classifier included, evenly
spread over the depth. The first has nothing below it and is left out. Relative norm and cosine are NaN where G is 0;
means are over what is a number. Dropout draws the same units every time. Costs a step for G, one for the update, and
two thirds of one for each layer.

Source: Santurkar et al. 2018, arXiv 1805.11604, §2.2 (definition 2.1 and figure 3).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from experiments.probing.gradients import Difference, SameDraws
from experiments.probing.layers import Layer, by_layer, parameter_depths, weight_layers
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, HeatMap, Profile

MOST = 10  # layers
QUANTITIES: dict[str, Callable[[Difference], float]] = {
    "difference": lambda found: found.distance,
    "relative": lambda found: found.relative,
    "cosine": lambda found: found.cosine,
}

CHARTS = (
    Curves(
        name="gradient_ics",
        title="Shift of gradients by the layers below",
        label="mean over layers",
        metrics={"cosine of G and G′": "gradient_ics/mean_cosine", "‖G − G′‖ / ‖G‖": "gradient_ics/mean_relative"},
    ),
    Profile(
        name="gradient_ics_cosine",
        title="Shift of gradients by depth: direction",
        label="cosine of G and G′",
        quantity="gradient_ics/cosine",
    ),
    Profile(
        name="gradient_ics_relative",
        title="Shift of gradients by depth: size",
        label="‖G − G′‖ / ‖G‖",
        log=True,
        quantity="gradient_ics/relative",
    ),
    HeatMap(
        name="gradient_ics_map",
        title="Shift of gradients by depth and step",
        label="cosine of G and G′",
        quantity="gradient_ics/cosine",
        centre=0.0,
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe."""
    return GradientICS(model, surroundings)


class GradientICS(Probe):
    """The coming step, a full backward pass, and for each layer a forward pass and one backward down to that layer."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        self.layers = evenly_spread(in_a_chain(weight_layers(model)), MOST)
        images, others = surroundings.settings.batch_size, len(self.layers) - 1
        # a backward pass down to a layer is half a whole one, on average
        self.steps = 1 + surroundings.steps_worth(forward=(1 + others) * images, backward=(1 + others / 2) * images)

    def measure(self, live: Live) -> Measured:
        network, batch = live.copied_network(), SameDraws(live)
        parameters, depths = dict(network.named_parameters()), parameter_depths(network)
        weights = [parameters[f"{layer.path}.weight"] for layer in self.layers]
        _, gradients = batch.loss_and_gradients(network, weights)
        batch.rewind()  # the step is taken with the units that G was
        after = dict(live.network_after_step().named_parameters())
        found: dict[str, Difference] = {}
        for layer, weight, gradient in list(zip(self.layers, weights, gradients, strict=True))[1:]:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    if depths[name] < layer.depth:
                        parameter.copy_(after[name])
            _, moved = batch.loss_and_gradients(network, [weight])
            found[layer.name] = Difference.between([gradient], moved)
        values: dict[str, float] = {}
        for quantity, of in QUANTITIES.items():
            each = {name: of(difference) for name, difference in found.items()}
            values |= by_layer(f"gradient_ics/{quantity}", each)
            counted = [value for value in each.values() if not math.isnan(value)]
            values[f"gradient_ics/mean_{quantity}"] = sum(counted) / len(counted) if counted else math.nan
        return Measured(values)


def in_a_chain(layers: list[Layer]) -> list[Layer]:
    """Those that do not stand in a shortcut, in order: a shortcut's has the depth of the layer that it goes around."""
    chain: list[Layer] = []
    for layer in layers:
        if not chain or layer.depth > chain[-1].depth:
            chain.append(layer)
    return chain


def evenly_spread(layers: list[Layer], most: int) -> list[Layer]:
    """At most so many of them, always the first and the last."""
    if len(layers) <= most:
        return layers
    return [layers[index] for index in np.linspace(0, len(layers) - 1, most).round().astype(int)]
