"""How far running statistics are from the precise ones of many training images, layer by layer.

With μ and σ² of a channel, running and precise, and ε as the layer has it (experiments/inference/distance.py):

    running_vs_precise/mean/<layer>           mean over the channels of |μ_run − μ_precise| / √(σ²_precise + ε)
    running_vs_precise/mean_max/<layer>       the largest of these
    running_vs_precise/variance/<layer>       geometric mean over the channels of (σ²_run + ε) / (σ²_precise + ε)
    running_vs_precise/variance_max/<layer>   the largest factor between the two variances, at least 1
    running_vs_precise/mean_of_layers         mean of `mean` over the layers; `variance_of_layers` the geometric mean of
                                              `variance`, `mean_max_of_layers` and `variance_max_of_layers` the largest

The precise ones are those of up to 10,000 training images, as training shows them, in batches of the training batch
size, with dropout and noise off (experiments/inference/precise.py). Before the first step the running ones are 0 and 1.

Cost: one forward pass of these images. A network without running statistics has none of the above.

Sources: Wu & Johnson 2021, arXiv 2105.07576, §3; Ioffe & Szegedy 2015, arXiv 1502.03167, §3.1.
"""

import logging

import torch
from torch import nn

from experiments.inference.distance import distances
from experiments.inference.precise import IMAGES, precise_batches, precise_statistics, running_layers
from experiments.probing.layers import by_layer, norm_layers
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, HeatMap

log = logging.getLogger("normlab")

CHARTS = (
    HeatMap(
        name="running_vs_precise",
        title="Running against precise means by depth and step",
        label="mean of |μ_run − μ_precise| / σ",
        quantity="running_vs_precise/mean",
        log=True,
    ),
    Curves(
        name="running_vs_precise_mean",
        title="Running against precise means",
        label="|μ_run − μ_precise| / σ",
        metrics={
            "mean": "running_vs_precise/mean_of_layers",
            "worst channel": "running_vs_precise/mean_max_of_layers",
        },
        log=True,
    ),
    HeatMap(
        name="running_vs_precise_variance",
        title="Running against precise variances by depth and step",
        label="σ²_run / σ²_precise",
        quantity="running_vs_precise/variance",
        log=True,
        centre=1.0,
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    applies = bool(running_layers(model))
    if not applies:
        log.info("probe running_vs_precise: this network has no running statistics, so nothing is measured")
    images = min(IMAGES, len(surroundings.splits["train"]))
    return RunningVsPrecise(surroundings.steps_worth(forward=images if applies else 0))


class RunningVsPrecise(Probe):
    """A forward pass of many training images."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live: Live) -> Measured:
        network, around = live.copied_network(), live.surroundings
        if not running_layers(network):
            return Measured()
        settings = around.settings
        batches = precise_batches(around.splits["train"], IMAGES, settings.batch_size, around.augmentation)
        found = distances(network, precise_statistics(network, batches, settings.precision))
        names = {layer.path: layer.name for layer in norm_layers(network)}
        values: dict[str, float] = {}
        for quantity in ("mean", "mean_max", "variance", "variance_max"):
            each = {names[path]: distance[quantity] for path, distance in found.items()}
            values |= by_layer(f"running_vs_precise/{quantity}", each)
            values[f"running_vs_precise/{quantity}_of_layers"] = _of_layers(quantity, list(each.values()))
        return Measured(values)


def _of_layers(quantity: str, values: list[float]) -> float:
    """One number for all layers; NaN where one of them is."""
    each = torch.tensor(values, dtype=torch.float64)
    match quantity:
        case "mean":
            return each.mean().item()
        case "variance":
            return each.log().mean().exp().item()
        case _:
            return each.max().item()
