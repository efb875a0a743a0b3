"""How many dimensions the hidden representations use: effective and stable rank of 1,000 test images' features.

    effective_rank/effective/<layer>   exp(−Σ p_i ln p_i), p_i = σ_i / Σ σ, from 1 to min(n, C); 0 where H is zero
    effective_rank/stable/<layer>      ‖H‖²_F / ‖H‖²₂ = Σ σ_i² / σ_1², from 1 to min(n, C); 0 where H is zero
    effective_rank/share/<layer>       effective / min(n, C), in [0, 1]
    effective_rank/features            effective rank of what the classifier sees, the last layer with weights
    effective_rank/mean_share          mean of the shares over the hidden layers

σ are the singular values of H (n, C): an image a row, a channel a column, each the mean over the channel's positions.
H is not centred, so that a mean far from zero counts as a direction (a large one). NaN where H is not finite.

On the same n images at every measurement, classes balanced. In evaluation mode, where batch norm takes its running
statistics (before the first step 0 and 1, as if there were no norm).

Cost: one forward pass of 1,000 images, and on the CPU in float64 a singular value decomposition for each hidden layer.

Sources: Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO, §2; stable rank:
Rudelson & Vershynin 2007, "Sampling from large matrices", J. ACM 54(4), §1.
"""

import math

import torch
from torch import Tensor, nn

from experiments.probing.layers import Layer, by_layer, hidden_layers, observed, weight_layers
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, Profile
from experiments.step import autocast

IMAGES = 1000
CHARTS = (
    Profile(
        name="effective_rank",
        title="Effective rank by depth",
        label="effective rank",
        quantity="effective_rank/effective",
    ),
    Profile(
        name="effective_rank_share",
        title="Effective rank by depth, of the rank that is possible",
        label="effective rank / min(images, channels)",
        quantity="effective_rank/share",
    ),
    Curves(
        name="effective_rank_features",
        title="Effective rank of the features before the classifier",
        label="effective rank",
        metrics={"features": "effective_rank/features"},
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe."""
    return EffectiveRank(surroundings.steps_worth(forward=min(IMAGES, len(surroundings.splits["test"]))))


class EffectiveRank(Probe):
    """A forward pass of some test images."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def measure(self, live: Live) -> Measured:
        around, network = live.surroundings, live.copied_network().eval()
        hidden, classifier = hidden_layers(network), weight_layers(network)[-1]
        parts: dict[str, list[Tensor]] = {}

        def look(name: str, layer: Layer, x: Tensor, h: Tensor) -> None:
            seen = x if layer == classifier else h
            parts.setdefault(name, []).append(means_over_positions(seen))

        for indices in around.fixed_indices("test", IMAGES).split(around.settings.evaluation_batch_size):
            x, _ = around.splits["test"].batch(indices, None)
            with observed([*hidden, classifier], look), torch.no_grad(), autocast(x.device, around.settings.precision):
                network(x)
        found = {name: ranks(torch.cat(part).cpu().double()) for name, part in parts.items()}  # (n, C) each
        features, _, _ = found.pop(classifier.name)
        values: dict[str, float] = {}
        for index, quantity in enumerate(("effective", "stable", "share")):
            values |= by_layer(f"effective_rank/{quantity}", {name: each[index] for name, each in found.items()})
        values["effective_rank/features"] = features
        values["effective_rank/mean_share"] = sum(share for _, _, share in found.values()) / len(found)
        return Measured(values)


def means_over_positions(h: Tensor) -> Tensor:
    """float32 (n, C) of (n, C, H, W) or (n, C), a copy, since what follows may change h in place."""
    return h.float().mean(dim=(2, 3)) if h.dim() == 4 else h.float().clone()


def ranks(h: Tensor) -> tuple[float, float, float]:
    """Effective rank, stable rank, and the effective one divided by min(n, C), of a matrix (n, C) in float64."""
    if not h.isfinite().all():
        return math.nan, math.nan, math.nan
    sigma = torch.linalg.svdvals(h)  # descending
    if sigma[0] == 0:
        return 0.0, 0.0, 0.0
    sigma = sigma / sigma[0]
    effective = torch.special.entr(sigma / sigma.sum()).sum().exp().item()
    return effective, sigma.square().sum().item(), effective / min(h.shape)
