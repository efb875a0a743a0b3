"""How smooth the loss is along the gradient: the loss and the gradient a step of several sizes away.

On the coming training batch with its statistics, g = ∇L(θ) over all parameters (L in nats, without weight decay, before
clipping), at θ − ηg for 8 step sizes η, spaced evenly in log from ½ to 4 times the coming learning rate:

    landscape/loss                       L(θ), nats
    landscape/gradient_norm              ‖g‖₂
    landscape/loss_min, loss_max         over η, of L(θ − ηg); loss_range is their difference
    landscape/predictiveness_min, _max   over η, of ‖∇L(θ − ηg) − g‖₂: the smaller, the better g predicts what follows
    landscape/relative_min, _max         over η, of ‖∇L(θ − ηg) − g‖ / ‖g‖
    landscape/cosine_min, _max           over η, of the cosine between ∇L(θ − ηg) and g
    landscape/smoothness                 β = max over η of ‖∇L(θ − ηg) − g‖ / (η ‖g‖), the smaller the smoother

A weight directly before a norm has no scale: multiplied by c it computes the same, its gradient is c times smaller, and
a step of the same η turns it c² times less. As such weights grow (a norm lets them), all of the above shrinks while the
function that is trained has not become smoother. What does not depend on their scale, ε of the norm aside:

    landscape/scaled/loss_min, loss_max, loss_range, cosine_min, cosine_max, relative_min, relative_max

the same along the path with η ‖w‖² / ‖w at initialization‖² for each such layer's weight w and η for all others, its
part of each gradient multiplied by its ‖w‖ at that place. Left out where no weight stands directly before a norm.

Whatever the optimizer, the path is the gradient's. Where a loss on the path is infinite or NaN, so is what it enters. A
ratio over a gradient of 0 is NaN. Rates so small that a step is lost in rounding (float32, or bfloat16's noise) make β
large: compare it at rates that train. Dropout draws the same units everywhere. Costs 9 steps, 17 with the scaled path.

Source: Santurkar et al. 2018, arXiv 1805.11604, §3.1 and figure 4; scale: Ioffe & Szegedy 2015, arXiv 1502.03167, §3.3.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from experiments.probing.gradients import Difference, SameDraws, norm_of, ratio
from experiments.probing.layers import scale_invariant_weights
from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Band, Curves

log = logging.getLogger("normlab")
POINTS = 8
SPAN = np.geomspace(0.5, 4, POINTS)  # times the learning rate

CHARTS = (
    Band(
        name="landscape_loss",
        title="Loss along the gradient",
        label="L(θ − ηg), η from ½ to 4 × the rate (nats)",
        low="landscape/loss_min",
        high="landscape/loss_max",
        middle="landscape/loss",
    ),
    Band(
        name="landscape_predictiveness",
        title="Gradient predictiveness",
        label="‖∇L(θ − ηg) − g‖₂",
        log=True,
        low="landscape/predictiveness_min",
        high="landscape/predictiveness_max",
    ),
    Curves(
        name="landscape_smoothness",
        title="Effective smoothness",
        label="β = max ‖∇L(θ − ηg) − g‖ / (η‖g‖)",
        log=True,
        metrics={"β": "landscape/smoothness"},
    ),
    Band(
        name="landscape_cosine",
        title="Direction of the gradient a step away",
        label="cosine of ∇L(θ − ηg) and g",
        low="landscape/cosine_min",
        high="landscape/cosine_max",
    ),
    Band(
        name="landscape_scaled_relative",
        title="Change of the gradient a step away, free of the weights' scale",
        label="‖∇L(θ′) − g‖ / ‖g‖, each weight before a norm by its ‖w‖",
        log=True,
        low="landscape/scaled/relative_min",
        high="landscape/scaled/relative_max",
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe, which keeps the size of the initial weights."""
    probe = Landscape(model, surroundings)
    if not probe.initial_squares:
        log.info("probe landscape: no weight stands directly before a norm: landscape/scaled/… is left out")
    return probe


@dataclass(frozen=True)
class Place:
    """What was found at a step's end."""

    loss: float
    difference: Difference  # of the gradient there from the one at the start


class Landscape(Probe):
    """Forward and backward at the start and at 8 places on each of two paths."""

    def __init__(self, model: nn.Module, surroundings: Surroundings) -> None:
        names = [f"{layer.path}.weight" for layer in scale_invariant_weights(model)]
        weights = dict(model.named_parameters())
        self.initial_squares = {name: _square(weights[name]) for name in names}  # ‖w‖² of scale-invariant weights
        passes = 1 + POINTS * (2 if names else 1)
        images = passes * surroundings.settings.batch_size
        self.steps = surroundings.steps_worth(forward=images, backward=images)

    def measure(self, live: Live) -> Measured:
        start = Start(live)
        rates = (live.surroundings.coming_rate(live.step) * SPAN).tolist()
        plain = [start.step(rate, {}) for rate in rates]
        distances, norm = [place.difference.distance for place in plain], norm_of(start.gradient)
        smoothness = [ratio(distance, rate * norm) for distance, rate in zip(distances, rates, strict=True)]
        values = {
            "landscape/loss": start.loss,
            "landscape/gradient_norm": norm,
            **_extremes("landscape", plain),
            **_span("landscape/predictiveness", distances),
            "landscape/smoothness": float(np.max(smoothness)),
        }
        if self.initial_squares:
            factors = {name: ratio(_square(start.at[name]), square) for name, square in self.initial_squares.items()}
            values |= _extremes("landscape/scaled", [start.step(rate, factors) for rate in rates])
        return Measured(values)


class Start:
    """A copy of the network, and its gradient g where it stands."""

    def __init__(self, live: Live) -> None:
        self._network, self._batch = live.copied_network(), SameDraws(live)
        self._parameters = dict(self._network.named_parameters())
        self.at = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        self.loss, self.gradient = self._loss_and_gradient()

    def step(self, rate: float, factors: Mapping[str, float]) -> Place:
        """Go to θ − ηg, with the rate as η, or the rate times its factor for the parameters that have one.

        Gradients of parameters with a factor are multiplied by the norm of their weight before they are compared.
        """
        with torch.no_grad():
            for (name, parameter), slope in zip(self._parameters.items(), self.gradient, strict=True):
                parameter.copy_(self.at[name]).sub_(slope, alpha=rate * factors.get(name, 1.0))
        loss, gradient = self._loss_and_gradient()
        old = _times_norms(self.gradient, self.at, factors)
        return Place(loss, Difference.between(old, _times_norms(gradient, self._parameters, factors)))

    def _loss_and_gradient(self) -> tuple[float, list[Tensor]]:
        return self._batch.loss_and_gradients(self._network, [*self._parameters.values()])


def _times_norms(gradient: list[Tensor], at: Mapping[str, Tensor], chosen: Collection[str]) -> list[Tensor]:
    """The gradient by the parameters `at`, in their order: the chosen ones' times the norm of their weight."""
    pairs = zip(at.items(), gradient, strict=True)
    return [slope * norm_of([weight]) if name in chosen else slope for (name, weight), slope in pairs]


def _square(weight: Tensor) -> float:
    """‖w‖²."""
    return norm_of([weight]) ** 2


def _extremes(name: str, places: list[Place]) -> dict[str, float]:
    """The quantities that both paths have."""
    losses = _span(f"{name}/loss", [place.loss for place in places])
    low, high = losses.values()
    return {
        **losses,
        f"{name}/loss_range": high - low,
        **_span(f"{name}/cosine", [place.difference.cosine for place in places]),
        **_span(f"{name}/relative", [place.difference.relative for place in places]),
    }


def _span(name: str, values: list[float]) -> dict[str, float]:
    """The smallest and the largest, both NaN where one is."""
    return {f"{name}_min": float(np.min(values)), f"{name}_max": float(np.max(values))}
