"""How the distributions that layers see move in training (internal covariate shift), before and after each norm.

1,000 fixed training images (or all; unaugmented, classes balanced) pass through in training mode, dropout and noise
off, in even batches of about the run's batch size. At most 8 of the places where a norm stands or would stand are
looked at, evenly spread over the depth, the first and the last among them. <side> is `before` the norm or `after` it;
where no norm stands both are one, recorded as before.

    drift/<side>/p15/<layer>, …/p50/<layer>, …/p85/<layer>   percentiles of one typical channel, always the middle one
    drift/<side>/last/p15, …/p50, …/p85                      of the last place that has this side, as in the paper
    drift/<side>/<lag>/mean/<layer>         |μ' − μ| / σ        mean over the channels, from μ, σ to μ', σ'
    drift/<side>/<lag>/variance/<layer>     |σ'² − σ²| / σ²     mean over the channels
    drift/<side>/<lag>/wasserstein/<layer>  W₁ / σ              mean over the channels; W₁ is the Wasserstein-1 distance
    drift/<side>/<lag>/all_layers/mean, …/variance, …/wasserstein   means of these over the places
    drift/lag/look, drift/lag/epoch         steps between the two

<lag> is `step` (the coming optimizer step, on the same images), `look` (since the last measurement) or `epoch` (since
the last measurement that is an epoch ago or more). The first measurement has `step` alone. What is remembered: the last
measurement, and measurements a sixteenth of an epoch or more apart, back to the newest that is an epoch old. Where
measurements are more frequent, the lag `epoch` is thus up to a sixteenth of an epoch longer than it had to be.

Moments are those of up to 64 evenly spread channels over all images and positions (variances the population's, σ =
√(σ² + 1e-12)), percentiles and W₁ (by 99 quantiles) those of up to 16 positions of each image, a grid. Percentiles have
the unit of the layer, the rest none. Channels that are constant up to float32's rounding (dead ones) at the earlier
time are left out; NaN stands where that is all, and does not enter `all_layers`. Fixup has no place for a norm, and
nothing is measured. An optimizer step, twice 1,000 images forward, and sorting.

After bn in training mode a mean is β and a variance γ² σ²/(σ² + ε), whatever comes in, so that `after` moves in these
two with γ and β alone; what W₁ says beyond that is a change of shape.

Source: Ioffe & Szegedy 2015, arXiv 1502.03167, §1, §2 and Figure 1 (percentiles of a typical input to the last layer).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from experiments.evaluate import batch_statistics, even_batches
from experiments.probing.layers import Layer, norm_places, observed
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.probing.places import say_what_applies
from experiments.probing.snapshot import Collector, Distribution
from experiments.report.charts import Band, Curves, HeatMap
from experiments.step import autocast
from models.norms.normalization import Normalization

IMAGES = 1000
PLACES = 8
PERCENTILES = (15, 50, 85)
REFERENCES = 16  # kept an epoch, at most
SIDES = ("before", "after")
OVERLAYS = {
    "drift since the last look, mean over layers": {
        "Wasserstein-1 / σ": ["Multiline", [f"drift/{side}/look/all_layers/wasserstein" for side in SIDES]]
    }
}
CHARTS = (
    *(
        Band(
            name=f"drift_last_{side}",
            title=f"A channel {side} the last norm: 15th to 85th percentile",
            label=f"value {side} the norm",
            low=f"drift/{side}/last/p15",
            middle=f"drift/{side}/last/p50",
            high=f"drift/{side}/last/p85",
        )
        for side in SIDES
    ),
    Curves(
        name="drift_wasserstein",
        title="Drift since the last measurement, mean over layers",
        label="Wasserstein-1 / σ",
        metrics={f"{side} the norm": f"drift/{side}/look/all_layers/wasserstein" for side in SIDES},
    ),
    HeatMap(
        name="drift_map",
        title="Drift before the norm in one step, by depth and step",
        label="Wasserstein-1 / σ",
        quantity="drift/before/step/wasserstein",
        log=True,
    ),
)

Snapshot = Mapping[str, Distribution]
"""Distributions by `<side>/<layer>`."""


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe for a network and its images."""
    say_what_applies("drift", model, "before and after are one, recorded as before")
    return Drift(model, surroundings)


class Drift(Probe):
    """Looks at the network as it is and as the coming step leaves it, and remembers the former."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        images = min(IMAGES, len(surroundings.splits["train"]))
        self.steps = 1 + surroundings.steps_worth(forward=2.5 * images) if norm_places(model) else 0
        self._remembered: dict[int, Snapshot] = {}  # by the step, in their order

    def measure(self, live: Live) -> Measured:
        if not norm_places(live.state.model):
            return Measured()
        now, around = collected(live.copied_network(), live.surroundings), live.surroundings
        values = percentiles(now)
        snapshot = {name: collector.distribution() for name, collector in now.items()}
        after = collected(live.network_after_step(), around)
        values |= shifts("step", snapshot, {name: collector.distribution() for name, collector in after.items()})
        epoch = around.length.steps_per_epoch
        for lag, least in (("look", 1), ("epoch", epoch)):
            old = [step for step in self._remembered if live.step - step >= least]
            if old:
                values[f"drift/lag/{lag}"] = float(live.step - old[-1])
                values |= shifts(lag, self._remembered[old[-1]], snapshot)
        kept = kept_steps([*self._remembered, live.step], epoch)
        everything = {**self._remembered, live.step: snapshot}
        self._remembered = {step: everything[step] for step in kept}
        return Measured(values)

    def memory(self) -> dict[str, Any]:
        return {
            "steps": list(self._remembered),
            "snapshots": [
                {name: (each.moments, each.quantiles) for name, each in snapshot.items()}
                for snapshot in self._remembered.values()
            ],
        }

    def remember(self, memory: dict[str, Any]) -> None:
        snapshots = [{name: Distribution(*pair) for name, pair in found.items()} for found in memory["snapshots"]]
        self._remembered = dict(zip(memory["steps"], snapshots, strict=True))


def kept_steps(steps: list[int], epoch: int) -> list[int]:
    """Which of the measurements after `steps`, the last just made, are still needed: see the top of this file."""
    *earlier, newest = steps
    if len(earlier) > 1 and (earlier[-1] - earlier[-2]) * REFERENCES < epoch:
        earlier.pop()  # it was there as the last measurement alone
    older = [step for step in earlier if newest - step >= epoch]
    return [*older[-1:], *earlier[len(older) :], newest]


def looked_at(model: nn.Module) -> list[Layer]:
    """At most 8 of the places for norms, evenly spread, the first and the last among them."""
    places = norm_places(model)
    if len(places) <= PLACES:
        return places
    return [places[index * (len(places) - 1) // (PLACES - 1)] for index in range(PLACES)]


@torch.no_grad()
def collected(network: nn.Module, surroundings: Surroundings) -> dict[str, Collector]:
    """The values before and after each place on the fixed images, by `<side>/<layer>`, as the pass meets them."""
    found: dict[str, Collector] = {}
    images, settings = surroundings.splits["train"], surroundings.settings
    batches = even_batches(images, settings.batch_size, surroundings.fixed_indices("train", IMAGES))

    def look(name: str, layer: Layer, x: Tensor, y: Tensor) -> None:
        for side, values in zip(SIDES, (x, y), strict=True):
            if side == "before" or isinstance(layer.module, Normalization):
                found.setdefault(f"{side}/{name}", Collector()).add(values)

    with batch_statistics(network):
        for x, _ in batches:
            with observed(looked_at(network), look), autocast(x.device, settings.precision):
                network(x)
    return found


def percentiles(found: Mapping[str, Collector]) -> dict[str, float]:
    """Of the typical channel at each place, and of the last place of each side under a name of its own."""
    values: dict[str, float] = {}
    for name, collector in found.items():
        side, layer = name.split("/", 1)
        for percent, value in zip(PERCENTILES, collector.typical(PERCENTILES), strict=True):
            values[f"drift/{side}/p{percent}/{layer}"] = value
            values[f"drift/{side}/last/p{percent}"] = value  # the last one stays
    return values


def shifts(lag: str, before: Snapshot, now: Snapshot) -> dict[str, float]:
    """How far the distributions have moved, by place and on average."""
    values: dict[str, float] = {}
    moved: dict[tuple[str, str], list[float]] = {}
    for name, distribution in now.items():
        side, layer = name.split("/", 1)
        for quantity, shift in distribution.shift_from(before[name]).items():
            values[f"drift/{side}/{lag}/{quantity}/{layer}"] = shift
            moved.setdefault((side, quantity), []).append(shift)
    means = {key: torch.tensor(each, dtype=torch.float64).nanmean().item() for key, each in moved.items()}
    return values | {f"drift/{side}/{lag}/all_layers/{quantity}": mean for (side, quantity), mean in means.items()}
