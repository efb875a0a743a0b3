"""How correlated a layer's channels are before and after its norm, on the coming training batch.

R is the matrix of correlations between the channels of a layer over images and positions; |R| of its absolute values.

    decorrelation/before/<layer>  mean |R_ij| over i ≠ j of what enters the norm, from 0 to 1
    decorrelation/after/<layer>   the same of what the norm gives, before the ReLU that may follow (a
                                  norm that is an activation too gives what follows that)
    decorrelation/change/<layer>  ‖|R_after| − |R_before|‖_F / √(C (C − 1)): root mean square change of an |R_ij|
    decorrelation/before_mean, decorrelation/after_mean    means over the layers

A norm with one mean and one variance per channel and batch (bn) cannot decorrelate: it is an affine map of each
channel, whose correlations keep their size (and change their sign where one γ is negative), so that its change is 0 up
to rounding. Norms with statistics of each sample mix the channels and do change it.

Over at most 20,000 evenly spread rows (image and position), in float64. Unrelated channels have a mean |R_ij| of about
√(2/(π m)) over m independent rows, not 0, and positions of an image are not independent. Channels that are constant up
to float32's rounding (dead ones) are left out, of `change` those that are so on either side; NaN stands where fewer
than two remain, and does not enter the means. Where no norm stands, what would enter one has `before` alone; Fixup has
no such place, and nothing is measured. The batch passes through in training mode, dropout included. One forward pass,
and 20,000 · C² multiplications a layer and side.

Source: Ioffe & Szegedy 2015, arXiv 1502.03167, §2 and §3 (whitening, of which batch norm keeps only what needs no
decorrelation).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from experiments.probing.channels import channel_rows, constant, in_float64, spread
from experiments.probing.layers import Layer, by_layer, norm_places
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.probing.places import look_at_coming_batch, say_what_applies
from experiments.report.charts import Curves, HeatMap, Profile
from models.norms.normalization import Normalization

ROWS = 20_000
CHARTS = (
    Curves(
        name="decorrelation",
        title="Correlation of channels before and after the norm",
        label="mean |correlation|",
        metrics={"before the norm": "decorrelation/before_mean", "after it": "decorrelation/after_mean"},
    ),
    Profile(
        name="decorrelation_before",
        title="Correlation of channels before the norm, by depth",
        label="mean |correlation|",
        quantity="decorrelation/before",
    ),
    HeatMap(
        name="decorrelation_change",
        title="How much the norm changes correlations",
        label="root mean square change of |correlation|",
        quantity="decorrelation/change",
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network."""
    say_what_applies("decorrelation", model, "measured is what would enter one, as before")
    return Decorrelation(model, surroundings)


class Decorrelation(Probe):
    """One forward pass and the products of the layers' values."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        self.steps = (
            surroundings.steps_worth(forward=2.5 * surroundings.settings.batch_size) if norm_places(model) else 0
        )

    @torch.no_grad()
    def measure(self, live: Live) -> Measured:
        before: dict[str, float] = {}
        after: dict[str, float] = {}
        change: dict[str, float] = {}

        def look(name: str, layer: Layer, x: Tensor, y: Tensor) -> None:
            entering, varies = correlations(x)
            before[name] = mean_off_diagonal(entering, varies)
            if isinstance(layer.module, Normalization):
                leaving, still_varies = correlations(y)
                after[name] = mean_off_diagonal(leaving, still_varies)
                change[name] = distance(entering, leaving, varies & still_varies)

        look_at_coming_batch(live, live.copied_network(), look)
        values = {}
        for side, found in (("before", before), ("after", after)):
            if found:
                values[f"decorrelation/{side}_mean"] = mean_of_numbers(found.values())
                values |= by_layer(f"decorrelation/{side}", found)
        return Measured(values | by_layer("decorrelation/change", change))


def correlations(x: Tensor) -> tuple[Tensor, Tensor]:
    """|R| of the channels of x, (N, C) or (N, C, H, W), float64 (C, C), and which channels vary, bool (C,).

    The rows and columns of the others are 0.
    """
    rows = in_float64(spread(channel_rows(x), ROWS))  # (m, C)
    mean, variance = rows.mean(dim=0), rows.var(dim=0, correction=0)
    varies = ~constant(mean, variance)
    rows = (rows - mean) * torch.where(varies, (len(rows) * variance).rsqrt(), 0.0)
    return (rows.T @ rows).abs(), varies


def mean_off_diagonal(absolute: Tensor, varies: Tensor) -> float:
    """Mean of |R_ij| over i ≠ j among the channels that vary; NaN of fewer than two."""
    kept = absolute[varies][:, varies]
    count = len(kept)
    return ((kept.sum() - kept.trace()) / (count * (count - 1))).item() if count > 1 else math.nan


def distance(one: Tensor, other: Tensor, varies: Tensor) -> float:
    """Root mean square of the differences off the diagonal among the channels that vary; NaN of fewer than two."""
    apart = (one - other)[varies][:, varies]
    count = len(apart)
    return (torch.linalg.matrix_norm(apart) / math.sqrt(count * (count - 1))).item() if count > 1 else math.nan


def mean_of_numbers(values: Iterable[float]) -> float:
    """The mean of those that are numbers; NaN where none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan
