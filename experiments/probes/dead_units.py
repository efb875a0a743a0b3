"""Units that no test image makes active: dead ReLUs, and how sparse the others are.

    dead_units/dead/<layer>       share of a ReLU's channels whose output is 0 on every test image at every position, in
                                  [0, 1]; of vectors, share of their units
    dead_units/sparsity/<layer>   share of zeros in its output: mean over images, channels and positions, in [0, 1]
    dead_units/share              dead channels of all ReLUs together, divided by their channels
    dead_units/mean_sparsity      mean of the sparsities over the ReLUs

    dead_units/channel_sparsity   (TensorBoard) the distribution of each channel's share of zeros: the dead are at 1

In evaluation mode, where batch norm takes its running statistics (before the first step 0 and 1, as if there were no
norm). A module that acts at several places is measured at each: `<layer>`, `<layer> (2)`, … In a residual block whose
ReLU follows the sum, a channel is dead where shortcut and branch together never exceed 0. A NaN is no zero.

Cost: one forward pass of the test images. Without a ReLU in the network nothing is measured.

Sources: Maas, Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic models", §2 (units that are
never active) and §4 (sparsity); Lu et al. 2019, arXiv 1903.06733, §1 (dying ReLU).
"""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from experiments.probing.layers import Layer, by_layer, observed, relu_layers
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, HeatMap
from experiments.step import autocast

log = logging.getLogger("normlab")

CHARTS = (
    HeatMap(
        name="dead_units",
        title="Dead channels by depth and step",
        label="share of channels that are 0 on all test images",
        quantity="dead_units/dead",
    ),
    Curves(
        name="dead_units_share",
        title="Dead channels and zeros",
        label="share",
        metrics={"dead channels": "dead_units/share", "zeros, mean over layers": "dead_units/mean_sparsity"},
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    applies = bool(relu_layers(model))
    if not applies:
        log.info("probe dead_units: this network has no ReLU, so nothing is measured")
    return DeadUnits(surroundings.steps_worth(forward=len(surroundings.splits["test"]) if applies else 0))


@dataclass
class _Seen:
    """What a ReLU has put out so far."""

    active: Tensor  # (C,) int64: values other than 0 in each channel
    values: int  # in each channel


class DeadUnits(Probe):
    """A forward pass of the test images."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live: Live) -> Measured:
        network, settings = live.copied_network().eval(), live.surroundings.settings
        layers = relu_layers(network)
        if not layers:
            return Measured()
        seen: dict[str, _Seen] = {}

        def look(name: str, layer: Layer, x: Tensor, h: Tensor) -> None:
            active = h != 0
            if h.dim() == 4:  # in 32 bits, a third of the time of 64, which would take longer than the convolution
                active = active.sum(dim=(2, 3), dtype=torch.int32)
            active, values = active.sum(dim=0), h.numel() // h.shape[1]
            if name in seen:
                active, values = seen[name].active + active, seen[name].values + values
            seen[name] = _Seen(active, values)

        test = live.surroundings.splits["test"]
        for indices in torch.arange(len(test)).split(settings.evaluation_batch_size):
            x, _ = test.batch(indices, None)
            # A pass each, since `observed` numbers a module's calls from one.
            with observed(layers, look), torch.no_grad(), autocast(x.device, settings.precision):
                network(x)
        return _summary(seen)


def _summary(seen: dict[str, _Seen]) -> Measured:
    zeros = {name: 1 - one.active.cpu().double() / one.values for name, one in seen.items()}  # (C,) each
    dead = {name: share == 1 for name, share in zeros.items()}
    sparsity = {name: share.mean().item() for name, share in zeros.items()}
    values = by_layer("dead_units/dead", {name: one.double().mean().item() for name, one in dead.items()})
    values |= by_layer("dead_units/sparsity", sparsity)
    values["dead_units/share"] = torch.cat(list(dead.values())).double().mean().item()
    values["dead_units/mean_sparsity"] = sum(sparsity.values()) / len(sparsity)
    return Measured(values, histograms={"dead_units/channel_sparsity": torch.cat(list(zeros.values()))})
