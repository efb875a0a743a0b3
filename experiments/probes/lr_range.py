"""The learning rates that the network could be trained with from here: a range test on a copy.

From the live state a copy is trained further, with the run's optimizer and its memory, clipping, and the augmented
batches of the steps to come, for 60 steps whose rate grows from 1e-5 to 10 by the same factor each step (1.264). The
loss is that of each step's batch before its update, in nats, and smooth is its mean over three steps, which stands at
the middle one's rate.

    lr_range/loss/<rate>    the smooth loss, at every third rate; from where it diverges on, nothing is recorded
    lr_range/largest        the last rate before the smooth loss is above twice the smallest so far, or not finite: 10
                            where that never happens, NaN where it is not finite from the start
    lr_range/steepest       the rate at which the smooth loss falls fastest over ln rate, up to where it is smallest (a
                            fall after a rise is none of interest); not recorded where it never falls

A trained network's loss may be so small that batches alone differ by a factor of two, and the larger rates meet a copy
that the smaller ones have trained. With clipping, or where a norm makes the scale of the weights irrelevant, a step can
spoil only so much: 10 then says that nothing exploded, not that 10 trains. Costs up to 60 steps.

Source: Smith 2017, arXiv 1506.01186, §3.3 and figure 3, where the rate grows linearly and the accuracy is watched.
"""

import math

import numpy as np
from torch import nn

from experiments.probing.live import Live, Measured, Probe, Surroundings
from experiments.report.charts import Curves, Spectrum

STEPS = 60
RATES: list[float] = np.geomspace(1e-5, 10.0, STEPS).tolist()
WINDOW = 3
TOO_MUCH = 2.0

CHARTS = (
    Spectrum(
        name="lr_range",
        title="Learning-rate range test",
        label="loss of the training batch (nats)",
        quantity="lr_range/loss",
        x_label="learning rate",
        x_log=True,
    ),
    Curves(
        name="lr_range_rates",
        title="Learning rates by the range test",
        label="learning rate",
        log=True,
        metrics={"largest": "lr_range/largest", "steepest descent": "lr_range/steepest"},
    ),
)


def make(model: nn.Module, surroundings: Surroundings) -> Probe:
    """The probe."""
    return LearningRateRange()


class LearningRateRange(Probe):
    """Up to 60 optimizer steps."""

    steps = STEPS

    def measure(self, live: Live) -> Measured:
        smooth = smoothed(losses(live))
        middles = RATES[WINDOW // 2 :]
        recorded = list(zip(middles, smooth, strict=False))[::WINDOW]
        values = {f"lr_range/loss/{rate:.2e}": loss for rate, loss in recorded if math.isfinite(loss)}
        values["lr_range/largest"] = largest(smooth)
        fastest = steepest(smooth)
        if fastest is not None:
            values["lr_range/steepest"] = fastest
        return Measured(values)


def losses(live: Live) -> list[float]:
    """The batch loss before each step, up to the one that diverges."""
    state = live.copied_state()
    state.model.train()
    found: list[float] = []
    for rate in RATES:
        live.surroundings.take_coming_step(state, rate)
        found.append(state.loss.item())
        smooth = smoothed(found)
        if not math.isfinite(found[-1]) or (smooth and diverged(smooth[-1], min(smooth))):
            break
    return found


def smoothed(values: list[float]) -> list[float]:
    """The mean of each `WINDOW` neighbours: number k belongs to the rate number k + 1."""
    return [sum(values[k : k + WINDOW]) / WINDOW for k in range(len(values) - WINDOW + 1)]


def diverged(loss: float, smallest: float) -> bool:
    """Whether a smooth loss is too far above the smallest so far."""
    return not loss <= TOO_MUCH * smallest  # which NaN is not


def largest(smooth: list[float]) -> float:
    """The last rate before divergence."""
    if not smooth or not math.isfinite(smooth[0]):
        return math.nan
    for index, loss in enumerate(smooth):
        if diverged(loss, min(smooth[: index + 1])):
            return RATES[index + WINDOW // 2 - 1]
    return RATES[-1]


def steepest(smooth: list[float]) -> float | None:
    """The rate of the smallest central difference up to the smallest loss, if that difference is below 0."""
    finite = [loss for loss in smooth if math.isfinite(loss)]
    end = min(finite.index(min(finite)) + 1, len(finite) - 1) if finite else 0
    falls = {finite[k + 1] - finite[k - 1]: RATES[k + WINDOW // 2] for k in range(1, end)}
    return falls[min(falls)] if falls and min(falls) < 0 else None
