"""Bands by step: a panel an arm, on the same axes, so that their widths can be compared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.report.charts import Band
from experiments.report.drawn.panels import (
    COLOURS,
    colours_of,
    grid,
    labels_of,
    name_axes,
    subplots,
    titled,
    whole_ticks,
    width_of,
)
from experiments.report.drawn.series import Arms, Runs, Series, by_step, ends, log_axis, most_seeds
from experiments.report.figures import BLUE, Sketch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4


@dataclass(frozen=True)
class Strip:
    """The band of an arm. low and high share their x."""

    low: Series
    high: Series
    middle: Series | None
    open_ends: np.ndarray  # steps (points,) at which the low end can be drawn and the high one cannot


def sketch(chart: Band, arms: Arms) -> Sketch | None:
    """The figure; None where no run has drawable numbers of it."""
    strips = {arm: strip for arm, runs in arms.items() if (strip := _strip(chart, runs)) is not None}
    if not strips:
        return None
    count = len(strips)
    rows, columns = grid(count, COLUMNS)
    log, why_log = log_axis(chart.log, [end for strip in strips.values() for end in (strip.low, strip.high)])

    def paint(figure: "Figure") -> None:
        labels = labels_of(arms)
        few = len(set(labels.values())) <= len(COLOURS)
        colours = colours_of(list(labels.values())) if few else dict.fromkeys(labels.values(), BLUE)
        axes = subplots(figure, count, COLUMNS)
        for axis, (arm, strip) in zip(axes, strips.items(), strict=True):
            _paint_strip(axis, strip, colours[labels[arm]])
            whole_ticks(axis.xaxis)
            if len(arms) > 1:
                axis.set_title(titled(arm))
        name_axes(axes, COLUMNS, "step", chart.label, log)

    words = "; ".join(
        f"{arm}: from {ends(strip.low)}, up to {ends(strip.high)}"
        + (f", with {ends(strip.middle)} inside" if strip.middle else "")
        for arm, strip in strips.items()
    )
    caption = "From the lowest to the highest, by step."
    if most_seeds(arms) > 1:
        caption += " Both ends are means over seeds."
    if any(len(strip.open_ends) for strip in strips.values()):
        caption += " Triangles: the upper end is no finite number there."
    caption += why_log
    height = rows * (2.7 if columns == 1 else 2.2) + 0.3
    return Sketch(chart.name, chart.title, f"{words}.", caption, paint, width_of(columns), height)


def _strip(chart: Band, runs: Runs) -> Strip | None:
    low, high = by_step(runs, chart.low, chart.log), by_step(runs, chart.high, chart.log)
    middle = by_step(runs, chart.middle, chart.log) if chart.middle else None
    if low is None or high is None or not (low.drawable and high.drawable):
        return None
    # an end that is not drawable at a step leaves a gap in the band; both stand over the same steps
    steps, at_low, at_high = np.intersect1d(low.x, high.x, return_indices=True)
    low, high = _at(low, steps, at_low), _at(high, steps, at_high)
    open_ends = steps[np.isfinite(low.mean) & ~np.isfinite(high.mean)]
    return Strip(low, high, middle if middle and middle.drawable else None, open_ends)


def _at(series: Series, x: np.ndarray, places: np.ndarray) -> Series:
    return Series(x, series.mean[places], series.low[places], series.high[places], series.lost, series.seeds)


def _paint_strip(axes: "Axes", strip: Strip, colour: str) -> None:
    low, high, middle = strip.low, strip.high, strip.middle
    marker = "o" if len(low.x) < 3 else None
    axes.fill_between(low.x, low.mean, high.mean, color=colour, alpha=0.3, linewidth=0)
    for end in (low, high):
        axes.plot(end.x, end.mean, color=colour, linewidth=0.8, marker=marker, markersize=3)
    if middle:
        axes.plot(middle.x, middle.mean, color=colour, marker=marker, markersize=3)
    if len(strip.open_ends):
        top = np.full(len(strip.open_ends), 0.97)
        transform = axes.get_xaxis_transform()
        axes.plot(strip.open_ends, top, "^", color=colour, markersize=3.5, transform=transform, clip_on=False)
