"""A number by a place (the depth of a layer, a rate) at the first and at the last measurement: profiles and spectra."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments.report.charts import Profile, Spectrum
from experiments.report.drawn.panels import (
    FIRST,
    LAST,
    colours_of,
    grid,
    grouped,
    labels_of,
    legend,
    legend_height,
    line,
    linear_then_decades,
    markers_of,
    name_axes,
    subplots,
    titled,
    whole_ticks,
    width_of,
)
from experiments.report.drawn.series import (
    Arms,
    Runs,
    Series,
    ends,
    far_out,
    log_axis,
    most_seeds,
    of_quantity,
    over_seeds,
    spread,
)
from experiments.report.figures import Sketch
from experiments.report.metrics import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
DEPTH = "depth (layers with weights)"
Row = tuple[np.ndarray, np.ndarray]  # x and values


@dataclass(frozen=True)
class Looks:
    """What is drawn of an arm."""

    last: Series  # measurement
    first: Series | None  # where that is another
    steps: tuple[frozenset[int], frozenset[int]]  # of the first and of the last, of each run


def profile(chart: Profile, arms: Arms) -> Sketch | None:
    """By the depth of layers; those of one depth are averaged. None where no run has drawable numbers of it."""
    return _sketch(chart, arms, _depth, DEPTH, False, "at depth")


def spectrum(chart: Spectrum, arms: Arms) -> Sketch | None:
    """By the number in the name. None where no run has drawable numbers of it."""
    return _sketch(chart, arms, _number, chart.x_label, chart.x_log, "at")


def _depth(place: str) -> float:
    """Of a layer by its name: `5` of `005.blocks.1.second.norm`; NaN of anything else."""
    return float(place[:3]) if re.match(r"\d{3}\.", place) else math.nan


def _number(place: str) -> float:
    try:
        return float(place)
    except ValueError:
        return math.nan


def _sketch(
    chart: Profile | Spectrum, arms: Arms, x_of: Callable[[str], float], x_label: str, x_log: bool, unit: str
) -> Sketch | None:
    panels: dict[str, dict[str, Looks]] = {}
    for title, members in grouped(arms).items():
        found = {label: looks for label, runs in members.items() if (looks := _looks(chart, runs, x_of, x_log))}
        if found:
            panels[title] = found
    if not panels:
        return None
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    count = len(panels)
    rows, columns = grid(count, COLUMNS)
    width = width_of(columns)
    several = len(arms) > 1
    steps = [{step for lines in panels.values() for look in lines.values() for step in look.steps[n]} for n in (0, 1)]
    dashed = any(look.first is not None for lines in panels.values() for look in lines.values())
    shown = [look.last for lines in panels.values() for look in lines.values()]
    shown += [look.first for lines in panels.values() for look in lines.values() if look.first is not None]
    log, why_log = log_axis(chart.log, shown)
    bound, lowest, why_bound = (None, 0.0, "") if log else far_out(shown)
    keys = [*(labels if several else []), *([FIRST, LAST] if dashed else [])]

    def paint(figure: "Figure") -> None:
        # an arm has its colour whether others have numbers or not
        everyone = list(labels_of(arms).values())
        colours, markers = colours_of(everyone), markers_of(everyone)
        axes = subplots(figure, count, COLUMNS)
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for label, look in lines.items():
                if look.first is not None:
                    line(axis, look.first, colours[label], None if several else FIRST, None, first_look=True)
                alone = LAST if look.first is not None else None
                line(axis, look.last, colours[label], label if several else alone, markers[label])
            axis.set_title(titled(title))
            if x_log:
                axis.set_xscale("log")
            elif isinstance(chart, Profile):
                whole_ticks(axis.xaxis)
        name_axes(axes, COLUMNS, x_label, chart.label, log)
        if bound is not None:
            for axis in axes:
                linear_then_decades(axis, bound, lowest)
        legend(figure, axes, looks=several and dashed)

    words = "; ".join(
        _words(" ".join(part for part in (title, label) if part), looks, unit)
        for title, lines in panels.items()
        for label, looks in lines.items()
    )
    when = [f" (step {next(iter(found))})" if len(found) == 1 else "" for found in steps]
    caption = f"Solid: the last measurement{when[1]}."
    if dashed:
        caption = f"Thin and dashed: the first measurement{when[0]}; solid: the last{when[1]}."
    caption += spread(most_seeds(arms)) + why_log + why_bound
    height = rows * (2.6 if count == 1 else 2.3) + 0.4 + legend_height(keys, width)
    return Sketch(chart.name, chart.title, f"{words}.", caption, paint, width, height)


def _words(name: str, look: Looks, unit: str) -> str:
    before = f"first {ends(look.first, unit)}; " if look.first is not None and look.first.drawable else ""
    return f"{name}: {before}last {ends(look.last, unit)}"


def _looks(chart: Profile | Spectrum, runs: Runs, x_of: Callable[[str], float], x_log: bool) -> Looks | None:
    """Each run's first and last measurement, put together over the runs of an arm."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    steps: tuple[set[int], set[int]] = (set(), set())
    for run in runs:
        places = of_quantity(run, chart.quantity)
        x = {place: x_of(place) for place in places}
        curves = {
            place: one for place, one in places.items() if math.isfinite(x[place]) and (x[place] > 0 or not x_log)
        }
        if not curves:
            continue
        first_step = min(int(curve.step[0]) for curve in curves.values())
        last_step = max(int(curve.step[-1]) for curve in curves.values())
        steps[1].add(last_step)
        rows[1].append(_at_step(curves, x, last_step))
        if first_step != last_step:
            steps[0].add(first_step)
            rows[0].append(_at_step(curves, x, first_step))
    first, last = (over_seeds(found, chart.log) for found in rows)
    if last is None or not (last.drawable or (first is not None and first.drawable)):
        return None
    return Looks(last, first, (frozenset(steps[0]), frozenset(steps[1])))


def _at_step(curves: Mapping[str, Curve], x: Mapping[str, float], step: int) -> Row:
    """x and values of what was measured at that step; places of one x are averaged, as far as they are finite."""
    found: dict[float, list[float]] = {}
    for place, curve in curves.items():
        at = np.flatnonzero(curve.step == step)
        if len(at):
            found.setdefault(x[place], []).append(float(curve.value[at[0]]))
    places = sorted(found)
    return np.array(places), np.array([_mean(found[place]) for place in places])


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(value / len(finite) for value in finite) if finite else values[0]
